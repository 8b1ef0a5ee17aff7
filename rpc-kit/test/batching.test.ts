import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import type { HttpTransport } from '../src/http/client/transport.ts';
import { type Client, createClient, defineService, RpcError } from '../src/index.ts';
import { HTTP_TRANSPORTS } from './http-transports.ts';

/** Longer than any busy machine takes. */
const PATIENT_MS = 10_000;

const echo = defineService(
  'echo',
  { summary: 'Says what it hears.', version: '1' },
  {
    say: {
      summary: 'Says it.',
      params: z.strictObject({ word: z.string() }),
      result: z.object({ word: z.string() }),
      timeoutMs: PATIENT_MS,
      example: { params: { word: 'a' }, result: { word: 'a' } },
    },
    shout: {
      summary: 'Says it louder.',
      params: z.strictObject({ word: z.string() }),
      result: z.object({ word: z.string() }),
      timeoutMs: PATIENT_MS,
      example: { params: { word: 'a' }, result: { word: 'a' } },
    },
    sayAnything: {
      summary: 'Says anything.',
      params: z.strictObject({ word: z.unknown() }),
      result: z.object({ word: z.unknown() }),
      timeoutMs: PATIENT_MS,
      example: { params: { word: 'a' }, result: { word: 'a' } },
    },
    sayAlone: {
      summary: 'Says it, but never in a batch.',
      params: z.strictObject({ word: z.string() }),
      result: z.object({ word: z.string() }),
      timeoutMs: PATIENT_MS,
      batched: false,
      example: { params: { word: 'a' }, result: { word: 'a' } },
    },
  },
);

interface RpcRequest {
  readonly id: number;
  readonly params: { readonly word: string };
  readonly meta?: Record<string, unknown>;
}

type Received = RpcRequest | RpcRequest[];

/** A JSON-RPC peer that records requests and answers as configured. */
class Peer {
  readonly received: Received[] = [];
  readonly abandoned: Received[] = [];
  answer: (received: Received) => unknown = (received) =>
    Array.isArray(received) ? received.map(answerTo) : answerTo(received);
  headers: Record<string, string> = {};
  #server: Server | undefined;

  async start(): Promise<string> {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const received = JSON.parse(Buffer.concat(chunks).toString()) as Received;
      this.received.push(received);
      response.once('close', () => {
        if (!response.writableFinished) this.abandoned.push(received);
      });
      const value = this.answer(received);
      if (value !== undefined) response.writeHead(200, this.headers).end(JSON.stringify(value));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }
}

function answerTo({ id, params }: RpcRequest): object {
  return { jsonrpc: '2.0', id, result: { word: params.word } };
}

async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  return call.then(
    () => assert.fail('the call succeeded'),
    (error) => {
      assert.ok(error instanceof RpcError);
      return error;
    },
  );
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENT_MS;
  while (!isSo()) {
    if (performance.now() > deadline) assert.fail('it did not come to that');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

for (const [kind, createTransport] of Object.entries(HTTP_TRANSPORTS))
  describe(`a client that batches, ${kind},`, () => {
    let peer: Peer;
    let url: string;
    let transport: HttpTransport;
    let client: Client<typeof echo.methods>;

    beforeEach(async () => {
      peer = new Peer();
      url = await peer.start();
      transport = createTransport(url, { userAgent: 'test' });
      client = createClient(echo, transport);
    });

    afterEach(async () => {
      await transport[Symbol.asyncDispose]();
      await peer.stop();
    });

    const sayAll = (words: string[]) => Promise.all(words.map((word) => client.say({ word })));
    const wordsOf = (received: Received | undefined) => [received ?? []].flat().map(({ params }) => params.word);

    it('sends the calls of one turn in one request and settles each with its own answer', async () => {
      assert.deepEqual(await sayAll(['a', 'b', 'c']), [{ word: 'a' }, { word: 'b' }, { word: 'c' }]);
      assert.deepEqual(peer.received.map(wordsOf), [['a', 'b', 'c']]);
    });

    it('includes calls that later callbacks of the same turn make', async () => {
      const later = Promise.resolve().then(() => client.say({ word: 'b' }));
      await Promise.all([client.say({ word: 'a' }), later]);
      assert.deepEqual(peer.received.map(wordsOf), [['a', 'b']]);
    });

    it('sends a lone call as a call, not as a batch of one', async () => {
      await sayAll(['a']);
      assert.equal(Array.isArray(peer.received[0]), false);
    });

    it('understands answers in any order', async () => {
      peer.answer = (received) => [received].flat().map(answerTo).toReversed();
      assert.deepEqual(await sayAll(['a', 'b', 'c']), [{ word: 'a' }, { word: 'b' }, { word: 'c' }]);
    });

    it('starts another batch when one has as many calls as it may', async () => {
      await using small = createTransport(url, { userAgent: 'test', batching: { callsMax: 2 } });
      const other = createClient(echo, small);
      await Promise.all(['a', 'b', 'c', 'd', 'e'].map((word) => other.say({ word })));
      assert.deepEqual(peer.received.map((received) => wordsOf(received).length).toSorted(), [1, 2, 2]);
    });

    it('starts another batch when one is as long as it may be, and sends a longer call alone', async () => {
      await using small = createTransport(url, { userAgent: 'test', batching: { lengthMax: 1_000 } });
      const other = createClient(echo, small);
      const words = ['a'.repeat(500), 'b'.repeat(500), 'c'.repeat(5_000)];
      await Promise.all(words.map((word) => other.say({ word })));
      assert.deepEqual(peer.received.map(wordsOf).toSorted(), [[words[0]], [words[1]], [words[2]]]);
    });

    it('never lets a call of one method wait for those of another', async () => {
      await Promise.all([sayAll(['a', 'c']), client.shout({ word: 'b' }), client.shout({ word: 'd' })]);
      assert.deepEqual(peer.received.map(wordsOf).toSorted(), [
        ['a', 'c'],
        ['b', 'd'],
      ]);
    });

    it('keeps a method out of batches whose contract says so', async () => {
      await Promise.all([client.say({ word: 'a' }), client.sayAlone({ word: 'b' }), client.say({ word: 'c' })]);
      assert.deepEqual(peer.received.map(wordsOf).toSorted(), [['a', 'c'], ['b']]);
    });

    it('sends every call alone where batching is off', async () => {
      await using alone = createTransport(url, { userAgent: 'test', batching: false });
      const other = createClient(echo, alone);
      await Promise.all(['a', 'b'].map((word) => other.say({ word })));
      assert.deepEqual(peer.received.map(wordsOf).toSorted(), [['a'], ['b']]);
    });

    it("carries each call's own metadata beside it", async () => {
      const trace = { traceparent: '00-1-2-01', tracestate: 'vendor=1', baggage: 'shop=7' };
      await Promise.all([
        client.say({ word: 'a' }, { requestId: 'r-a', timeoutMs: 5_000, idempotencyKey: 'k' }),
        client.say({ word: 'b' }, { requestId: 'r-b', ...trace }),
      ]);
      const [a, b] = (peer.received[0] as RpcRequest[]).map(({ meta }) => meta);
      assert.ok((a?.deadlineMs as number) > 0 && (a?.deadlineMs as number) <= 5_000);
      assert.ok((b?.deadlineMs as number) > 5_000 && (b?.deadlineMs as number) <= PATIENT_MS);
      assert.deepEqual({ ...a, deadlineMs: 0 }, { requestId: 'r-a', deadlineMs: 0, idempotencyKey: 'k' });
      assert.deepEqual({ ...b, deadlineMs: 0 }, { requestId: 'r-b', deadlineMs: 0, ...trace });
    });

    it('fails only the call whose answer is an error, and a call without an answer', async () => {
      const refused = { jsonrpc: '2.0', id: 2, error: { code: -32005, message: 'There is none' } };
      peer.answer = (received) => [answerTo((received as RpcRequest[])[0] as RpcRequest), refused];
      const [a, b, c] = await Promise.allSettled(['a', 'b', 'c'].map((word) => client.say({ word })));
      assert.equal(a?.status, 'fulfilled');
      assert.equal((b as PromiseRejectedResult).reason.code, 'not_found');
      assert.equal((c as PromiseRejectedResult).reason.code, 'internal');
    });

    it('fails every call of a batch that the peer refuses as a whole', async () => {
      peer.answer = () => ({ jsonrpc: '2.0', id: null, error: { code: -32600, message: 'Too many' } });
      const failures = await Promise.all(['a', 'b'].map((word) => failureOf(client.say({ word }))));
      assert.deepEqual(
        failures.map(({ code }) => code),
        ['invalid_request', 'invalid_request'],
      );
    });

    it('lets one caller leave without taking anything from the others', async () => {
      const { promise: asked, resolve: ask } = Promise.withResolvers<Received>();
      peer.answer = (received) => ask(received);
      const caller = new AbortController();
      const leaving = failureOf(client.say({ word: 'a' }, { signal: caller.signal }));
      const staying = failureOf(client.say({ word: 'b' }, { timeoutMs: 1_500 }));
      await asked;
      caller.abort();
      assert.equal((await leaving).code, 'cancelled');
      assert.equal(peer.abandoned.length, 0);
      // Now the other one leaves too, by its own deadline, and no caller waits for the batch.
      assert.equal((await staying).code, 'deadline_exceeded');
      await until(() => peer.abandoned.length === 1);
    });

    it('does not send a call whose caller has left before the end of the turn', async () => {
      const caller = new AbortController();
      const leaving = failureOf(client.say({ word: 'a' }, { signal: caller.signal }));
      const staying = client.say({ word: 'b' });
      caller.abort();
      await Promise.all([leaving, staying]);
      assert.deepEqual(peer.received.map(wordsOf), [['b']]);
    });

    it('sends nothing when all callers have left before the end of the turn', async () => {
      const caller = new AbortController();
      const leaving = failureOf(client.say({ word: 'a' }, { signal: caller.signal }));
      caller.abort();
      await leaving;
      await sayAll(['b']);
      assert.deepEqual(peer.received.map(wordsOf), [['b']]);
    });

    it('a batch that is refused with a date in Retry-After asks each of its calls to wait', async () => {
      peer.headers = { date: 'Fri, 20 Nov 2026 08:00:00 GMT', 'retry-after': 'Fri, 20 Nov 2026 08:00:03 GMT' };
      const error = { code: -32014, message: 'No', data: { code: 'unavailable' } };
      for (const refusal of [
        { jsonrpc: '2.0', id: null, error },
        [1, 2].map((id) => ({ jsonrpc: '2.0', id, error })),
      ]) {
        peer.answer = () => refusal;
        const outcomes = await Promise.all(['a', 'b'].map((word) => failureOf(client.say({ word }))));
        assert.deepEqual(
          outcomes.map(({ retryAfterMs }) => retryAfterMs),
          [3_000, 3_000],
        );
      }
    });

    it('refuses params that JSON cannot hold, wherever in a batch, alone, and on the plain face', async () => {
      const refused = { code: 'invalid_params', message: 'Invalid params: JSON cannot hold them' };
      const saying = (word: unknown) =>
        client.sayAnything({ word }).then(
          ({ word: heard }) => heard,
          ({ code, message }) => ({ code, message }),
        );
      for (const words of [[1n], [1n, 'a'], ['a', 1n], [1n, 2n, 'a', 'b'], ['a', 1n, 'b', 2n]]) {
        const outcomes = await Promise.all(words.map(saying));
        assert.deepEqual(
          outcomes,
          words.map((word) => (typeof word === 'bigint' ? refused : word)),
        );
      }
      await using plain = createTransport(url, { userAgent: 'test', face: 'plain' });
      await assert.rejects(createClient(echo, plain).sayAnything({ word: 1n }), refused);
    });

    it('refuses metadata that no header can carry, in a batch as well as alone', async () => {
      const [bad, good] = await Promise.allSettled([
        client.say({ word: 'a' }, { idempotencyKey: 'a\nb' }),
        client.say({ word: 'b' }),
      ]);
      assert.equal((bad as PromiseRejectedResult).reason.code, 'invalid_request');
      assert.equal(good?.status, 'fulfilled');
    });
  });
