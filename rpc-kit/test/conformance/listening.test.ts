import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type HttpServer, serveHttp } from 'rpc-kit';
import { httpMetrics } from 'rpc-kit/metrics';
import { type RawAnswer, requestBytes, sendRaw } from './raw-http.ts';
import { createSubject, serveSubject } from './subject.ts';

const logger = pino({ level: 'silent' });
const { service } = createSubject();

describe('listening', () => {
  it('picks a free port where 0 is asked for, and says its address', async () => {
    const server = await serveHttp(service, { port: 0, host: '127.0.0.1', logger });
    assert.ok(server.port > 0);
    assert.equal(server.url, `http://127.0.0.1:${server.port}`);
    await server.close();
  });

  it('says in one sentence that a port is in use and how to mend it', async () => {
    await using taken = await serveSubject({ service, executed: [] });
    await assert.rejects(serveHttp(service, { port: taken.port, host: '127.0.0.1', logger }), {
      message: `127.0.0.1:${taken.port} is in use: stop what listens there or choose another port`,
    });
  });

  it('says in one sentence what else is wrong', async () => {
    // An address of documentation (RFC 5737), so no machine has it.
    await assert.rejects(serveHttp(service, { port: 0, host: '192.0.2.1', logger }), {
      message: /^192\.0\.2\.1:0 listen EADDRNOTAVAIL/,
    });
  });

  it('returns a URL that works for an IPv6 host too', async () => {
    // A machine without IPv6 has nothing to show.
    if (!(await hasIpv6())) return;
    await using server = await serveHttp(service, { port: 0, host: '::1', logger });
    assert.equal(server.url, `http://[::1]:${server.port}`);
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  });
});

describe('pages over HTTP', () => {
  const logLines: { msg: string; check?: string; err?: { message: string } }[] = [];
  const registry = new Registry();
  let databaseIsUp = true;
  let server: HttpServer;
  const get = (path: string, verb = 'GET'): Promise<RawAnswer> =>
    sendRaw(server.port, requestBytes({ verb, path, headers: ['x-request-id: r1'] }));

  before(async () => {
    server = await serveHttp(service, {
      port: 0,
      host: '127.0.0.1',
      logger: pino({}, { write: (line: string) => logLines.push(JSON.parse(line)) }),
      metrics: httpMetrics(registry),
      readiness: {
        async database() {
          if (!databaseIsUp) throw new Error('connect ECONNREFUSED 10.0.0.5:5432');
        },
      },
    });
  });
  beforeEach(() => {
    logLines.length = 0;
  });
  after(() => server.close());

  it('are answered to GET, and to HEAD without a body', async () => {
    for (const path of ['/openrpc.json', '/openapi.json', '/docs', '/healthz', '/readyz', '/metrics']) {
      const [page, head] = [await get(path), await get(path, 'HEAD')];
      assert.deepEqual([page.status, head.status, head.body], [200, 200, ''], path);
      // What is counted grows with every request, the first of these two among them.
      const length = path === '/metrics' ? head.headers['content-length'] : String(Buffer.byteLength(page.body));
      assert.equal(head.headers['content-length'], length, path);
      assert.equal(page.headers['x-request-id'], 'r1');
    }
  });

  it('log why the service is not ready, and do not answer it', async () => {
    databaseIsUp = false;
    const { status, body } = await get('/readyz');
    databaseIsUp = true;
    assert.deepEqual([status, JSON.parse(body)], [503, { status: 'not ready', checks: { database: 'failed' } }]);
    assert.deepEqual(
      logLines.map(({ msg, check, err }) => [msg, check, err?.message]),
      [['not ready', 'database', 'connect ECONNREFUSED 10.0.0.5:5432']],
    );
  });

  it('that fail are answered by 500 and logged', async () => {
    const { metrics } = registry;
    registry.metrics = () => Promise.reject(new Error('a collector failed'));
    const { status, body } = await get('/metrics');
    registry.metrics = metrics;
    assert.deepEqual(
      [status, JSON.parse(body)],
      [500, { error: { code: 'internal', message: 'Internal error', requestId: 'r1' } }],
    );
    assert.deepEqual(
      logLines.map(({ msg, err }) => [msg, err?.message]),
      [['page failed', 'a collector failed']],
    );
  });
});

function hasIpv6(): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(0, '::1', () => probe.close(() => resolve(true)));
  });
}
