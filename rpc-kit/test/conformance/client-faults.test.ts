import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type Client, type Code, createClient, createHttpTransport, defineService, int64, RpcError } from 'rpc-kit';
import { z } from 'zod';
import type { HttpTransport } from '../../src/http/client/transport.ts';
import { HTTP_TRANSPORTS } from '../http-transports.ts';
import { answer, type Behaviour, createFaultyPeer, type FaultyPeer } from './faulty-peer.ts';

/** Longer than any busy machine takes. */
const PATIENT_MS = 10_000;

const stock = defineService(
  'stock',
  { summary: 'Counts goods.', version: '1.0.0' },
  {
    count: {
      summary: 'Counts.',
      params: z.strictObject({ sku: int64 }),
      result: z.object({ count: int64 }),
      errors: {
        no_such_sku: { code: 'not_found', message: 'There is no such sku', details: z.object({ sku: int64 }) },
      },
      timeoutMs: PATIENT_MS,
      reads: true,
      example: { params: { sku: 1 }, result: { count: 1 } },
    },
  },
);

const ANSWER_BYTES_MAX = 10_000;
const json = (value: unknown): string => JSON.stringify({ jsonrpc: '2.0', id: 1, ...(value as object) });
const good = answer(200, json({ result: { count: 5 } }));
const html = '<html><body><h1>502 Bad Gateway</h1>nginx</body></html>';

interface Fault {
  readonly title: string;
  readonly behaviour: Behaviour;
  readonly code: Code;
  readonly message: string;
  readonly retryAfterMs?: number;
  /** Only where the deadline is what ends the call; a busy machine may take a while for all others. */
  readonly timeoutMs?: number;
}

const DATE = 'Fri, 20 Nov 2026 08:00:00 GMT';
const BROKEN = 'The connection to stock broke';
const NO_JSON = 'The peer answered something that is not JSON';
const MISFIT = 'The answer does not fit the contract';
const NO_MESSAGE = 'The peer answered an error without a message';

const faults: readonly Fault[] = [
  {
    title: 'a reset before the answer',
    behaviour: (socket) => socket.resetAndDestroy(),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'a connection closed before the answer',
    behaviour: (socket) => socket.end(),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'a reset within the headers',
    behaviour: (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-', () => socket.resetAndDestroy()),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'a reset within the body',
    behaviour: (socket) =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"jsonrpc"', () => socket.resetAndDestroy()),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'a connection closed within the body',
    behaviour: (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"jsonrpc"'),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'a connection closed within the chunks',
    behaviour: (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n'),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'bytes that are no HTTP',
    behaviour: (socket) => socket.end('220 mail.example ESMTP\r\n'),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'an answer that never comes',
    behaviour: () => {},
    code: 'deadline_exceeded',
    message: 'The call took longer than its deadline',
    timeoutMs: 100,
  },
  {
    title: 'a body that never ends',
    behaviour: (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"jsonrpc"'),
    code: 'deadline_exceeded',
    message: 'The call took longer than its deadline',
    timeoutMs: 100,
  },
  { title: 'text instead of JSON', behaviour: answer(200, 'OK'), code: 'internal', message: NO_JSON },
  { title: 'HTML instead of JSON', behaviour: answer(200, html), code: 'internal', message: NO_JSON },
  { title: 'nothing instead of JSON', behaviour: answer(200, ''), code: 'internal', message: NO_JSON },
  {
    title: '204',
    behaviour: (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'),
    code: 'internal',
    message: NO_JSON,
  },
  { title: 'JSON cut off', behaviour: answer(200, '{"jsonrpc":"2.0","id":1,'), code: 'internal', message: NO_JSON },
  {
    title: 'a redirect',
    behaviour: answer(302, '', 'Location: http://other.example/'),
    code: 'internal',
    message: 'The peer answered HTTP 302',
  },
  {
    title: '400 with HTML',
    behaviour: answer(400, html),
    code: 'invalid_request',
    message: 'The peer answered HTTP 400',
  },
  {
    title: '401 with HTML',
    behaviour: answer(401, html),
    code: 'unauthenticated',
    message: 'The peer answered HTTP 401',
  },
  { title: '404 with HTML', behaviour: answer(404, html), code: 'not_found', message: 'The peer answered HTTP 404' },
  {
    title: '413 with HTML',
    behaviour: answer(413, html),
    code: 'invalid_request',
    message: 'The peer answered HTTP 413',
  },
  {
    title: '429 with Retry-After',
    behaviour: answer(429, html, 'Retry-After: 3'),
    code: 'resource_exhausted',
    message: 'The peer answered HTTP 429',
    retryAfterMs: 3_000,
  },
  { title: '500 with HTML', behaviour: answer(500, html), code: 'internal', message: 'The peer answered HTTP 500' },
  { title: '502 with HTML', behaviour: answer(502, html), code: 'unavailable', message: 'The peer answered HTTP 502' },
  {
    title: '503 with Retry-After',
    behaviour: answer(503, '', 'Retry-After: 2'),
    code: 'unavailable',
    message: 'The peer answered HTTP 503',
    retryAfterMs: 2_000,
  },
  {
    title: '503 with a Retry-After that is a date',
    behaviour: answer(503, '', `Date: ${DATE}\r\nRetry-After: Fri, 20 Nov 2026 08:00:02 GMT`),
    code: 'unavailable',
    message: 'The peer answered HTTP 503',
    retryAfterMs: 2_000,
  },
  {
    title: '503 with a Retry-After that is no number and no date',
    behaviour: answer(503, '', 'Retry-After: soon'),
    code: 'unavailable',
    message: 'The peer answered HTTP 503',
  },
  {
    title: '503 with a JSON-RPC error and a Retry-After that is a date',
    behaviour: answer(
      503,
      json({ error: { code: -32014, message: 'No' } }),
      `Date: ${DATE}\r\nRetry-After: Fri, 20 Nov 2026 08:00:02 GMT`,
    ),
    code: 'unavailable',
    message: 'No',
    retryAfterMs: 2_000,
  },
  {
    title: 'an error that names a longer pause than a caller may be silenced for',
    behaviour: answer(
      200,
      json({ error: { code: -32014, message: 'No', data: { code: 'unavailable', retryAfterMs: 1e300 } } }),
    ),
    code: 'unavailable',
    message: 'No',
    retryAfterMs: 3_600_000,
  },
  {
    title: '504 with HTML',
    behaviour: answer(504, html),
    code: 'deadline_exceeded',
    message: 'The peer answered HTTP 504',
  },
  {
    title: 'an answer larger than the limit',
    behaviour: answer(200, json({ result: { count: 5, padding: 'x'.repeat(ANSWER_BYTES_MAX) } })),
    code: 'internal',
    message: 'The peer answered more than may be read',
  },
  {
    title: 'chunks larger than the limit',
    behaviour: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      socket.write(`4e20\r\n${' '.repeat(20_000)}\r\n`);
    },
    code: 'internal',
    message: 'The peer answered more than may be read',
  },
  {
    title: 'another shape of result',
    behaviour: answer(200, json({ result: { counted: 5 } })),
    code: 'internal',
    message: MISFIT,
  },
  {
    title: 'a result out of range',
    behaviour: answer(200, '{"jsonrpc":"2.0","id":1,"result":{"count":9223372036854775808}}'),
    code: 'internal',
    message: MISFIT,
  },
  { title: 'the result null', behaviour: answer(200, json({ result: null })), code: 'internal', message: MISFIT },
  { title: 'neither result nor error', behaviour: answer(200, json({})), code: 'internal', message: MISFIT },
  {
    title: 'JSON that is no JSON-RPC',
    behaviour: answer(200, '{"count":5}'),
    code: 'internal',
    message: 'The peer answered HTTP 200',
  },
  {
    title: 'a list',
    behaviour: answer(200, `[${json({ result: { count: 5 } })}]`),
    code: 'internal',
    message: 'The peer answered HTTP 200',
  },
  {
    title: 'an error that is text',
    behaviour: answer(200, json({ error: 'no' })),
    code: 'internal',
    message: NO_MESSAGE,
  },
  {
    title: 'an error without a code',
    behaviour: answer(200, json({ error: { message: 'no' } })),
    code: 'internal',
    message: 'no',
  },
  {
    title: 'an error without a message',
    behaviour: answer(200, json({ error: { code: -32601 } })),
    code: 'method_not_found',
    message: NO_MESSAGE,
  },
  {
    title: 'an error of a foreign number',
    behaviour: answer(200, json({ error: { code: -32099, message: 'Too long' } })),
    code: 'internal',
    message: 'Too long',
  },
  {
    title: 'a reason that the contract does not know',
    behaviour: answer(
      200,
      json({ error: { code: -32009, message: 'Closed', data: { code: 'failed_precondition', reason: 'closed' } } }),
    ),
    code: 'failed_precondition',
    message: 'Closed',
  },
];

const failureOf = async (call: Promise<unknown>): Promise<RpcError> => {
  const [outcome] = await Promise.allSettled([call]);
  assert.equal(outcome.status, 'rejected');
  assert.ok(outcome.reason instanceof RpcError);
  return outcome.reason;
};

for (const [kind, createTransport] of Object.entries(HTTP_TRANSPORTS)) {
  describe(`client over a faulty network, ${kind},`, () => {
    let peer: FaultyPeer;
    let transport: HttpTransport;
    let client: Client<typeof stock.methods>;

    before(async () => {
      peer = await createFaultyPeer();
      transport = createTransport(peer.url, {
        userAgent: 'test',
        connections: 2,
        answerBytesMax: ANSWER_BYTES_MAX,
      });
      client = createClient(stock, transport);
    });
    after(async () => {
      await transport[Symbol.asyncDispose]();
      await peer[Symbol.asyncDispose]();
    });

    for (const { title, behaviour, code, message, retryAfterMs, timeoutMs = PATIENT_MS } of faults) {
      it(`${title} is ${code}, and the pool works on`, async () => {
        peer.behave(behaviour);
        const error = await failureOf(client.count({ sku: 1n }, { timeoutMs }));
        assert.deepEqual([error.code, error.message, error.retryAfterMs], [code, message, retryAfterMs]);
        peer.behave(good);
        assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
        assert.ok(peer.connections <= 2);
      });
    }

    it('a caller that cancels hears so at once, and the connection is given up', async () => {
      const arrived = Promise.withResolvers<void>();
      peer.behave(() => arrived.resolve());
      const caller = new AbortController();
      const call = failureOf(client.count({ sku: 1n }, { signal: caller.signal }));
      await arrived.promise;
      caller.abort();
      assert.equal((await call).code, 'cancelled');
      peer.behave(good);
      assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
    });

    it('calls beyond the connections wait their turn and fail at their own deadline', async () => {
      peer.behave(() => {});
      const outcomes = await Promise.all(
        [1n, 2n, 3n, 4n].map((sku) => failureOf(client.count({ sku }, { timeoutMs: 50 }))),
      );
      assert.deepEqual(
        outcomes.map(({ code }) => code),
        Array(4).fill('deadline_exceeded'),
      );
      peer.behave(good);
      assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
    });

    it('metadata that no header can carry is refused before it is sent, and the pool works on', async () => {
      peer.behave(good);
      const unsendable = [
        { idempotencyKey: 'a\nb' },
        { idempotencyKey: 'a\ud800' },
        { idempotencyKey: 'k'.repeat(256) },
        { requestId: 'a\nb' },
        { traceparent: '00\r\nx-evil: 1' },
      ];
      for (const options of unsendable) {
        const error = await failureOf(client.count({ sku: 1n }, options));
        assert.deepEqual(
          [error.code, error.message],
          ['invalid_request', 'A header cannot carry the metadata of the call'],
        );
      }
      assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
    });

    it('an error that is null beside a result is none', async () => {
      peer.behave(answer(200, json({ result: { count: 5 }, error: null })));
      assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
    });

    it('errors of the contract keep their reason and details, digit for digit', async () => {
      const data = '{"code":"not_found","reason":"no_such_sku","details":{"sku":9223372036854775807},"requestId":"r1"}';
      peer.behave(
        answer(200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"There is none","data":${data}}}`),
      );
      const error = await failureOf(client.count({ sku: 1n }));
      const { code, reason, details, requestId } = error;
      assert.deepEqual(
        { code, reason, details, requestId },
        { code: 'not_found', reason: 'no_such_sku', details: { sku: 2n ** 63n - 1n }, requestId: 'r1' },
      );
    });
  });

  describe(`client of the plain face over a faulty network, ${kind},`, () => {
    let peer: FaultyPeer;
    let transport: HttpTransport;
    let client: Client<typeof stock.methods>;

    before(async () => {
      peer = await createFaultyPeer();
      transport = createTransport(`${peer.url}/shop/`, { userAgent: 'test', face: 'plain' });
      client = createClient(stock, transport);
    });
    after(async () => {
      await transport[Symbol.asyncDispose]();
      await peer[Symbol.asyncDispose]();
    });

    for (const [title, behaviour, code, message] of [
      [
        'its own form of an error',
        answer(409, '{"error":{"code":"aborted","message":"Lost a race"}}'),
        'aborted',
        'Lost a race',
      ],
      [
        'an error of no code of ours',
        answer(409, '{"error":{"code":17,"message":"Lost a race"}}'),
        'aborted',
        'Lost a race',
      ],
      ['another form of an error', answer(404, '{"message":"no"}'), 'not_found', 'The peer answered HTTP 404'],
      ['HTML', answer(502, html), 'unavailable', 'The peer answered HTTP 502'],
      ['text with 200', answer(200, 'OK'), 'internal', NO_JSON],
      ['another shape of result', answer(200, '[]'), 'internal', MISFIT],
      ['a reset', (socket) => socket.resetAndDestroy(), 'unavailable', BROKEN],
    ] as const satisfies [string, Behaviour, Code, string][]) {
      it(`${title} is ${code}, and the pool works on`, async () => {
        peer.behave(behaviour);
        await assert.rejects(client.count({ sku: 1n }), { name: 'RpcError', code, message });
        peer.behave(answer(200, '{"count":5}'));
        assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
      });
    }
  });
}

describe('the pool of connections over a faulty network', () => {
  let peer: FaultyPeer;
  beforeEach(async () => {
    peer = await createFaultyPeer();
  });
  afterEach(() => peer[Symbol.asyncDispose]());

  it('a peer that does not listen is unavailable, and reachable once it listens', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    await using lonely = createHttpTransport(`http://127.0.0.1:${port}`, { userAgent: 'test' });
    const error = await failureOf(createClient(stock, lonely).count({ sku: 1n }));
    assert.deepEqual([error.code, error.message], ['unavailable', 'stock cannot be reached']);
    const listener = createServer((socket) => {
      socket.on('data', () => good(socket));
    });
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
    assert.deepEqual(await createClient(stock, lonely).count({ sku: 1n }), { count: 5n });
    await lonely[Symbol.asyncDispose]();
    listener.close();
    await once(listener, 'close');
  });

  it('calls that end while they wait for a connection open none and close none', async () => {
    await using busy = createHttpTransport(peer.url, { userAgent: 'test', connections: 2, batching: false });
    const caller = createClient(stock, busy);
    const held: Socket[] = [];
    const isFull = Promise.withResolvers<void>();
    peer.behave((socket) => {
      if (held.push(socket) === 2) isFull.resolve();
    });
    const openedBefore = peer.opened;
    const underWay = [caller.count({ sku: 1n }), caller.count({ sku: 1n })];
    await isFull.promise;
    const leaver = new AbortController();
    const waiting = Array.from({ length: 98 }, () => failureOf(caller.count({ sku: 1n }, { signal: leaver.signal })));
    leaver.abort();
    for (const { code } of await Promise.all(waiting)) assert.equal(code, 'cancelled');
    peer.behave(good);
    for (const socket of held) good(socket);
    assert.deepEqual(await Promise.all(underWay), [{ count: 5n }, { count: 5n }]);
    assert.deepEqual(await caller.count({ sku: 1n }), { count: 5n });
    assert.equal(peer.opened - openedBefore, 2);
  });

  it('a call that ends while its connection is being opened leaves the connection to the next call', async () => {
    await using lone = createHttpTransport(peer.url, { userAgent: 'test', connections: 1, batching: false });
    const caller = createClient(stock, lone);
    peer.behave(good);
    const openedBefore = peer.opened;
    const leaver = new AbortController();
    const leaving = failureOf(caller.count({ sku: 1n }, { signal: leaver.signal }));
    leaver.abort();
    assert.equal((await leaving).code, 'cancelled');
    assert.deepEqual(await caller.count({ sku: 1n }), { count: 5n });
    assert.equal(peer.opened - openedBefore, 1);
  });

  it('a closed transport is unavailable', async () => {
    const closed = createHttpTransport(peer.url, { userAgent: 'test' });
    await closed[Symbol.asyncDispose]();
    const error = await failureOf(createClient(stock, closed).count({ sku: 1n }));
    assert.equal(error.code, 'unavailable');
  });
});
