import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loms } from 'loms/contract.ts';
import { pino } from 'pino';
import { type ConcurrencyLimit, implement, serveHttp } from 'rpc-kit';
import { answerTo, cpuMicros } from '../harness/child.ts';

/**
 * As in an overload of loms: no method has normal priority, so its reserved slots are free. Paused callers are read again at once,
 * because free slots are pretended.
 */
const full: ConcurrencyLimit = {
  limit: 2_000,
  inFlight: 0,
  tryAcquire: () => undefined,
  hasRoom: (priority) => priority === 'normal',
};

const handlers = Object.fromEntries(Object.keys(loms.methods).map((name) => [name, () => Promise.reject()]));
const refusing = await serveHttp(implement(loms, handlers as never), {
  host: '127.0.0.1',
  port: 0,
  logger: pino({ level: 'silent' }),
  admission: full,
});

const ANSWER = JSON.stringify({ jsonrpc: '2.0', id: 1, result: {} });
const bare = createServer((request, response) => {
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length }).end(ANSWER);
  });
}).listen(0, '127.0.0.1');
await once(bare, 'listening');

answerTo({
  ports: () => ({ refusing: refusing.port, bare: (bare.address() as AddressInfo).port }),
  cpu: cpuMicros,
});
