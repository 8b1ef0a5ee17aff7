import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { logScope, runInLogScope } from 'rpc-kit/logging';
import { createTestDatabase } from 'testing';
import { createSharedTokenBucket, openDatabase } from '../src/index.ts';

type Line = Readonly<Record<string, unknown>>;

/** A logger as services have it, and a wait for a line. */
function captureLines() {
  const lines: Line[] = [];
  let arrived = Promise.withResolvers<void>();
  const write = (text: string): void => {
    lines.push(JSON.parse(text));
    arrived.resolve();
  };
  return {
    logger: pino({ base: null, mixin: () => ({ ...logScope() }) }, { write }),
    async find(message: string): Promise<Line> {
      for (;;) {
        const found = lines.find(({ msg }) => msg === message);
        if (found) return found;
        arrived = Promise.withResolvers();
        await arrived.promise;
      }
    },
  };
}

describe('work that outlives the call that starts it', () => {
  it('an idle database connection that breaks is logged without ids of a call', async () => {
    await using own = await createTestDatabase('products');
    const { hostname, port, pathname, username, password } = new URL(own.url);
    const sockets: Socket[] = [];
    const proxy = createServer((client) => {
      const server = connect(Number(port), hostname);
      sockets.push(client);
      client.on('close', () => server.destroy()).pipe(server);
      server.pipe(client);
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { logger, find } = captureLines();
    const { port: proxyPort } = proxy.address() as AddressInfo;
    const url = `postgres://${username}:${password}@127.0.0.1:${proxyPort}${pathname}`;
    await using database = openDatabase({ url, poolMax: 1, logger, registry: new Registry() });
    await runInLogScope({ request_id: 'stranger' }, () => database.query('SELECT 1'));
    for (const socket of sockets) socket.resetAndDestroy();
    const line = await find('an idle database connection broke');
    proxy.close();
    assert.equal(line.request_id, undefined);
    assert.ok(!('client' in (line.err as object)));
  });

  it('a shared token bucket queries in the log scope of no call', async () => {
    const scopes: unknown[] = [];
    const bucket = createSharedTokenBucket({
      name: 'limit',
      tokens: 1,
      intervalMs: 10,
      waitersMax: 10,
      database: {
        async run() {
          scopes.push(logScope());
          return [{ number: 1, grants: 1n, known: 1, back_in_ms: 0 }] as never[];
        },
      },
    });
    await runInLogScope({ request_id: 'stranger' }, () => bucket.take());
    assert.deepEqual(scopes, [{}]);
  });

  it('a failed export of spans is logged without ids of a call', async () => {
    // In a process of its own: tracing is global.
    const parameters = ['--input-type=module', '--eval', EXPORTING];
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, parameters, { cwd });
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line): Line => JSON.parse(line));
    const failed = lines.filter(({ msg }) => String(msg).startsWith('tracing: '));
    assert.ok(failed.length > 0, stdout);
    assert.deepEqual(
      failed.map(({ request_id }) => request_id),
      failed.map(() => undefined),
    );
  });
});

const EXPORTING = `
import { trace } from '@opentelemetry/api';
import { pino } from 'pino';
import { logScope, runInLogScope } from 'rpc-kit/logging';
import { startTracing } from 'service-kit';

// Port 9 of the loopback: nothing listens there.
const endpoint = 'http://127.0.0.1:9';
Object.assign(process.env, {
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_TIMEOUT: '100',
  OTEL_BSP_SCHEDULE_DELAY: '1',
});
const logged = Promise.withResolvers();
const write = (line) => {
  process.stdout.write(line);
  logged.resolve();
};
const logger = pino({ mixin: () => ({ ...logScope() }) }, { write });
const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, TRACES_SAMPLED_RATIO: 1 };
await using tracing = await startTracing('test', '1', settings, logger);
// The SDK's timers do not keep a process alive.
const alive = setInterval(() => {}, 1_000);
await runInLogScope({ request_id: 'stranger' }, async () => {
  trace.getTracer('test').startSpan('call').end();
  await logged.promise;
});
clearInterval(alive);
`;
