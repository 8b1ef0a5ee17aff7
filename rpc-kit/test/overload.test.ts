import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type ConcurrencyLimit, defineService, type HttpServer, implement, serveHttp, shedLoad } from 'rpc-kit';
import { httpMetrics, sheddingMetrics } from 'rpc-kit/metrics';
import sinon from 'sinon';
import { z } from 'zod';
import { PAUSE_MAX_MS, REFUSALS } from '../src/http/server/refusal-budget.ts';
import type { Priority } from '../src/serving/concurrency-limit.ts';

const nothing = z.strictObject({});
const method = {
  summary: 'x',
  params: nothing,
  result: nothing,
  timeoutMs: 1_000,
  example: { params: {}, result: {} },
};
const shop = defineService(
  'shop',
  { summary: 'x', version: '1.0.0' },
  { pay: { ...method, priority: 'high' }, browse: { ...method, priority: 'low' } },
);

/** Has room for these priorities only. */
class SomeRoom implements ConcurrencyLimit {
  readonly limit = 1;
  readonly inFlight = 0;
  readonly priorities = new Set<Priority>();

  hasRoom(priority: Priority): boolean {
    return this.priorities.has(priority);
  }

  tryAcquire(priority: Priority) {
    return this.hasRoom(priority) ? { release() {} } : undefined;
  }
}

describe('a server without room', () => {
  let room: SomeRoom;
  let registry: Registry;
  let lines: Record<string, unknown>[];
  let server: HttpServer;
  let socket: Socket;

  beforeEach(async () => {
    room = new SomeRoom();
    registry = new Registry();
    lines = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
    const handlers = { pay: async () => ({}), browse: async () => ({}) };
    const service = implement(shop, handlers, { interceptors: [shedLoad(room, sheddingMetrics(registry, room))] });
    server = await serveHttp(service, {
      host: '127.0.0.1',
      port: 0,
      logger,
      metrics: httpMetrics(registry),
      admission: room,
    });
    socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
  });

  afterEach(async () => {
    socket.destroy();
    await server.close(0);
  });

  /** One exchange on the kept connection. */
  async function exchange(path: string, body: string, ...headers: string[]) {
    const head = [`POST ${path} HTTP/1.1`, 'host: 127.0.0.1', 'content-type: application/json', ...headers];
    socket.write(`${head.join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    let text = '';
    while (!/\r\n\r\n.*\}$/s.test(text)) text += String((await once(socket, 'data'))[0]);
    const [top = '', json = ''] = text.split('\r\n\r\n');
    const [status = '', ...fields] = top.toLowerCase().split('\r\n');
    const named = Object.fromEntries(fields.map((field) => field.split(': ') as [string, string]));
    return { status: Number(status.split(' ')[1]), headers: named, body: JSON.parse(json) };
  }

  const callOf = (name: string): string => JSON.stringify({ jsonrpc: '2.0', id: 7, method: name, params: {} });

  async function countOf(name: string, labels: Record<string, string>): Promise<number | undefined> {
    const values = (await registry.getSingleMetric(name)?.get())?.values ?? [];
    return values.find((value) => Object.entries(labels).every(([key, text]) => value.labels[key] === text))?.value;
  }

  it('refuses in the form of each face, with the request id of the caller, and keeps the connection', async () => {
    const error = { code: 'unavailable', reason: 'overloaded', retryAfterMs: 1_000, requestId: 'mine-1' };
    const message = 'The service is overloaded; the call had no effect';
    const plain = await exchange('/pay', '{}', 'x-request-id: mine-1');
    assert.deepEqual([plain.status, plain.body], [503, { error: { ...error, message } }]);
    const rpc = await exchange('/rpc', callOf('pay'), 'x-request-id: mine-1');
    assert.deepEqual(rpc.body, { jsonrpc: '2.0', id: null, error: { code: -32014, message, data: error } });
    for (const { headers } of [plain, rpc]) {
      assert.deepEqual(
        [headers['x-request-id'], headers['retry-after'], headers['content-type']],
        ['mine-1', '1', 'application/json'],
      );
    }
    room.priorities.add('high');
    assert.equal((await exchange('/pay', '{}')).status, 200);
  });

  it('makes a request id where the caller sent none, or one that is not harmless', async () => {
    for (const sent of [[], ['x-request-id: "<b>"']]) {
      const { headers, body } = await exchange('/pay', '{}', ...sent);
      assert.match(String(headers['x-request-id']), /^[\da-f-]{36}$/);
      assert.equal(body.error.requestId, headers['x-request-id']);
    }
  });

  it('counts its refusals by method and address', async () => {
    await exchange('/pay', '{}');
    await exchange('/pay', '{}');
    await exchange('/rpc', callOf('pay'));
    assert.equal(await countOf('rpc_server_shed_total', { method: 'pay' }), 2);
    assert.equal(await countOf('rpc_server_shed_total', { method: 'unknown' }), 1);
    assert.equal(await countOf('http_requests_total', { route: '/pay', status: '503' }), 2);
    assert.equal(await countOf('http_errors_total', { route: '/rpc', kind: 'server' }), 1);
  });

  it('logs one line for the refusals of a second', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      for (let refused = 0; refused < 3; refused++) await exchange('/pay', '{}');
      assert.deepEqual(lines, []);
      clock.tick(1_000);
      assert.deepEqual(
        lines.map(({ level, refused }) => [level, refused]),
        [[40, 3]],
      );
    } finally {
      clock.restore();
    }
  });

  it('reads a caller later when refusals take too much of its time', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      for (let refused = 0; refused <= REFUSALS.tokens; refused++) await exchange('/pay', '{}');
      let isAnswered = false;
      const late = exchange('/pay', '{}').finally(() => {
        isAnswered = true;
      });
      // By the time that another connection has its answer, this one would have its own.
      for (let page = 0; page < 3; page++) assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
      assert.equal(isAnswered, false);
      clock.tick(PAUSE_MAX_MS);
      assert.equal((await late).status, 503);
    } finally {
      clock.restore();
    }
  });

  it('on /rpc looks for the method when only some priorities have room', async () => {
    room.priorities.add('low');
    assert.equal((await exchange('/rpc', callOf('browse'))).body.id, 7);
    const refused = await exchange('/rpc', callOf('pay'));
    assert.deepEqual([refused.status, refused.body.error.data.reason], [503, 'overloaded']);
    assert.equal(await countOf('rpc_server_shed_total', { method: 'pay' }), 1);
    const unclear = await exchange('/rpc', '{"jsonrpc":"2.0"}');
    assert.deepEqual([unclear.status, unclear.body.error.code], [200, -32600]);
    assert.equal((await exchange('/rpc', '{')).body.error.code, -32700);
  });

  it('judges a request of a web page before its own load', async () => {
    assert.equal((await exchange('/pay', '{}', 'origin: https://elsewhere.example')).status, 403);
  });
});
