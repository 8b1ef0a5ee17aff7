import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { defineService, type HttpServer, implement, serveHttp } from 'rpc-kit';
import { httpMetrics } from 'rpc-kit/metrics';
import { z } from 'zod';

const shop = defineService(
  'shop',
  { summary: 'Sells.', version: '1' },
  {
    look: {
      summary: 'Shows one.',
      params: z.strictObject({ name: z.string() }),
      result: z.object({}),
      timeoutMs: 5_000,
      example: { params: { name: 'tea' }, result: {} },
    },
  },
);

describe('the metrics of the HTTP edge', () => {
  let server: HttpServer;
  let registry: Registry;
  let work: () => Promise<Record<string, never>>;

  beforeEach(async () => {
    registry = new Registry();
    work = async () => ({});
    const service = implement(shop, { look: () => work() });
    server = await serveHttp(service, {
      host: '127.0.0.1',
      port: 0,
      logger: pino({ level: 'silent' }),
      metrics: httpMetrics(registry),
    });
  });
  afterEach(() => server.close(0));

  const headers = { 'content-type': 'application/json' };
  const ask = async (path: string, body?: string, verb = body === undefined ? 'GET' : 'POST'): Promise<void> => {
    await (await fetch(server.url + path, { method: verb, headers, ...(body === undefined ? {} : { body }) })).text();
  };

  async function valuesOf(name: string): Promise<Record<string, number>> {
    const metric = await registry.getSingleMetric(name)?.get();
    const rows = (metric?.values ?? []).map(({ labels, value }) => [Object.values(labels).join(' '), value]);
    return Object.fromEntries(rows);
  }

  /** An answer is counted when its last byte is out, which may be a moment after its reader has it. */
  async function settled(name: string, expected: Record<string, number>): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (performance.now() < deadline) {
      if (JSON.stringify(await valuesOf(name)) === JSON.stringify(expected)) return;
      await sleep(5);
    }
    assert.deepEqual(await valuesOf(name), expected);
  }

  it('count requests by verb, address and status, and a batch as one', async () => {
    const call = (id: number) => ({ jsonrpc: '2.0', id, method: 'look', params: { name: 'tea' } });
    await ask('/look', '{"name":"tea"}');
    await ask('/look', '{}');
    await ask('/rpc', JSON.stringify([call(1), call(2)]));
    await ask('/healthz');
    await settled('http_requests_total', {
      'POST /look 200': 1,
      'POST /look 400': 1,
      'POST /rpc 200': 1,
      'GET /healthz 200': 1,
    });
  });

  it('count all addresses that do not exist, and all strange verbs, as one', async () => {
    for (let number = 0; number < 20; number++) await ask(`/nowhere/${number}?${number}`, '{}');
    for (const verb of ['PATCH', 'PROPFIND', 'LOCK']) await ask('/look', '{}', verb);
    await settled('http_requests_total', { 'POST other 404': 20, 'other /look 405': 3 });
  });

  it('time requests', async () => {
    await ask('/look', '{"name":"tea"}');
    await settled('http_requests_total', { 'POST /look 200': 1 });
    const text = await registry.getSingleMetricAsString('http_request_duration_seconds');
    assert.match(text, /http_request_duration_seconds_count\{verb="POST",route="\/look"\} 1/);
  });

  it('distinguish the faults of callers, of the service and of the connection', async () => {
    await ask('/look', '{}');
    work = () => Promise.reject(new Error('broken'));
    await ask('/look', '{"name":"tea"}');

    const begun = Promise.withResolvers<void>();
    work = () => {
      begun.resolve();
      return new Promise(() => {});
    };
    const caller = new AbortController();
    const look = { method: 'POST', headers, body: '{"name":"tea"}' };
    const left = fetch(`${server.url}/look`, { ...look, signal: caller.signal });
    await begun.promise;
    caller.abort();
    await assert.rejects(left);
    await settled('http_errors_total', { '/look client': 1, '/look server': 1, '/look aborted': 1 });

    const socket = connect(server.port, '127.0.0.1').resume();
    socket.end('this is not HTTP\r\n\r\n');
    await once(socket, 'close');
    await settled('http_errors_total', {
      '/look client': 1,
      '/look server': 1,
      '/look aborted': 1,
      'other malformed': 1,
    });
  });
});
