import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Client, CODES, type Code, createClient, RpcError } from 'rpc-kit';
import { createGrpcTransport } from 'rpc-kit/grpc';
import { type ForeignServer, REFUSAL, startConnectServer, startGrpcJsServer } from './foreign-servers.ts';
import { codec, serveSubject, subject } from './subject.ts';

type Subject = Client<typeof subject.methods>;

const ECHOED = {
  text: 'снова 🚀',
  big: 2n ** 63n - 1n,
  at: new Date('2026-11-27T12:00:00.123Z'),
  list: [0, 2 ** 32 - 1],
};

function openSubject(open: AsyncDisposableStack, port: number): Subject {
  const transport = createGrpcTransport(`grpc://127.0.0.1:${port}`, { codec, userAgent: 'test/1' });
  return createClient(subject, open.use(transport));
}

for (const [name, start] of [
  ['grpc-js', startGrpcJsServer],
  ['Connect', startConnectServer],
] as const) {
  describe(`our gRPC client of a ${name} server`, () => {
    let open: AsyncDisposableStack;
    let server: ForeignServer;
    let client: Subject;

    beforeEach(async () => {
      open = new AsyncDisposableStack();
      server = open.use(await start());
      client = openSubject(open, server.port);
    });
    afterEach(() => open[Symbol.asyncDispose]());

    it('gets what it answers, with 64-bit numbers and times exact', async () => {
      assert.deepEqual(await client.echo(ECHOED), ECHOED);
    });

    it('gets large and compressed answers', async () => {
      const large = { text: 'ab'.repeat(500_000), list: Array.from({ length: 10_000 }, (_, index) => index) };
      const answers = await Promise.all([client.echo(large), client.echo({ list: [] }), client.echo(large)]);
      assert.deepEqual(answers, [large, { list: [] }, large]);
    });

    it('makes many calls at a time', async () => {
      const calls = Array.from({ length: 500 }, (_, index) => client.echo({ list: [index] }));
      assert.deepEqual(
        (await Promise.all(calls)).map(({ list }) => list[0]),
        calls.map((_, index) => index),
      );
    });

    it('sends its metadata', async () => {
      await client.echo({ list: [] }, { requestId: 'r1', baggage: 'shop=7', idempotencyKey: 'k1' });
      const { 'x-request-id': id, baggage, 'idempotency-key': key } = Object.fromEntries(server.lastMetadata());
      assert.deepEqual([id, baggage, key], ['r1', 'shop=7', 'k1']);
    });

    it('gets its errors by their status', async () => {
      await assert.rejects(client.refuse({ code: 'not_found' }), {
        name: 'RpcError',
        code: 'not_found',
        message: REFUSAL.message,
        reason: undefined,
      });
    });

    it('is told that it has no such method', async () => {
      await assert.rejects(client.sell({ missing: 1 }), { name: 'RpcError', code: 'unimplemented' });
    });

    it('cancels a call there when its caller leaves, and meets its own deadline', async () => {
      await client.echo({ list: [] });
      const leaver = new AbortController();
      const leaving = assert.rejects(client.wait({}, { signal: leaver.signal }), { code: 'cancelled' });
      // The request is on its way before it is cancelled.
      await client.echo({ list: [] });
      leaver.abort();
      await leaving;
      while (server.left() < 1) await nextTurn();
      await assert.rejects(client.wait({}, { timeoutMs: 50 }), { code: 'deadline_exceeded' });
    });

    it('reads a stream', async () => {
      const numbers: number[] = [];
      for await (const { number } of client.count({ to: 100 })) numbers.push(number);
      assert.deepEqual(
        numbers,
        Array.from({ length: 100 }, (_, index) => index + 1),
      );
    });
  });
}

describe('our gRPC client of our server', () => {
  let open: AsyncDisposableStack;
  beforeEach(() => {
    open = new AsyncDisposableStack();
  });
  afterEach(() => open[Symbol.asyncDispose]());

  async function serve(...options: Parameters<typeof serveSubject>): Promise<Subject> {
    const server = await serveSubject(...options);
    open.defer(() => server.close(0));
    return openSubject(open, server.port);
  }
  const failureOf = async (call: Promise<unknown>): Promise<RpcError> => {
    const [outcome] = await Promise.allSettled([call]);
    assert.ok(outcome.status === 'rejected' && outcome.reason instanceof RpcError);
    return outcome.reason;
  };

  it('gets what it answers, with 64-bit numbers and times exact', async () => {
    const client = await serve();
    assert.deepEqual(await client.echo(ECHOED), ECHOED);
  });

  it('restores every code with its message, pause and request id', async () => {
    const client = await serve();
    for (const code of Object.keys(CODES) as Code[]) {
      const {
        code: received,
        message,
        retryAfterMs,
        requestId,
        neverSent,
      } = await failureOf(client.refuse({ code, retryAfterMs: 1_250 }, { requestId: 'r1' }));
      assert.deepEqual(
        [received, message, retryAfterMs, requestId, neverSent],
        [code, `It is ${code}: 100 % 🚀`, 1_250, 'r1', false],
      );
    }
  });

  it('restores reason and details of a declared error', async () => {
    const client = await serve();
    const { code, reason, details } = await failureOf(client.sell({ missing: 3 }));
    assert.deepEqual(
      [code, reason, details],
      ['failed_precondition', 'out_of_stock', { orderID: 2n ** 60n, missing: [1, 2, 3] }],
    );
  });

  it('passes on metadata and deadline', async () => {
    const received = Promise.withResolvers<{ requestId: string; remainingMs: number; caller: object }>();
    const client = await serve({
      onCall: ({ requestId, deadlineAt, caller }) =>
        received.resolve({ requestId, remainingMs: deadlineAt - performance.now(), caller }),
    });
    const idempotencyKey = ' schlüssel "1"';
    await client.echo({ list: [] }, { requestId: 'r1', idempotencyKey, timeoutMs: 5_000 });
    const { requestId, remainingMs, caller } = await received.promise;
    assert.deepEqual(
      [requestId, caller],
      ['r1', { name: 'test/1', idempotencyKey, authorization: undefined, address: '127.0.0.1' }],
    );
    assert.ok(remainingMs > 0 && remainingMs <= 5_000, `${remainingMs}`);
  });

  it('cancels a handler when its caller leaves', async () => {
    const begun = Promise.withResolvers<AbortSignal>();
    const client = await serve({ onCall: ({ signal }) => begun.resolve(signal) });
    const leaver = new AbortController();
    const leaving = failureOf(client.wait({}, { signal: leaver.signal }));
    const signal = await begun.promise;
    leaver.abort();
    assert.equal((await leaving).code, 'cancelled');
    while (!signal.aborted) await nextTurn();
    assert.equal((signal.reason as RpcError).code, 'cancelled');
  });

  it('reads a stream', async () => {
    const client = await serve();
    let sum = 0;
    for await (const { number } of client.count({ to: 1_000 })) sum += number;
    assert.equal(sum, 500_500);
  });
});
