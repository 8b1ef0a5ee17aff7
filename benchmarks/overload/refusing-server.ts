import { once } from 'node:events';
import { createServer, STATUS_CODES } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
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

const refusal = await fetch(`${refusing.url}/rpc`, { method: 'POST', body: '{"method":"createOrder"}' });
const body = await refusal.text();
/** node:http adds the others. */
const headers = [...refusal.headers].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name));
const all = [...refusal.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
const bytes = Buffer.from(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${all}\r\n${body}`, 'latin1');

const bare = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(refusal.status, headers.flat()).end(body));
});
/** Reads no request: what the kernel and libuv take for the same bytes. */
const tcp = createTcpServer({ noDelay: true }, (socket) => {
  socket.on('data', () => socket.write(bytes)).on('error', () => socket.destroy());
});

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

const ports = { refusing: refusing.port, bare: await listen(bare), tcp: await listen(tcp) };

answerTo({ ports: () => ports, cpu: cpuMicros });
