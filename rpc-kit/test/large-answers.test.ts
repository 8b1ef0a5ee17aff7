import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import {
  type Client,
  createClient,
  defineService,
  type HttpServer,
  implement,
  RpcError,
  type Service,
  serveHttp,
} from 'rpc-kit';
import { z } from 'zod';
import { PATIENT_MS } from './call-stubs.ts';
import { HTTP_TRANSPORTS } from './http-transports.ts';

const KIB = 1024;
/** The limit of an answer by default, on both sides. */
const LIMIT = 4 * KIB * KIB;

/** So many bytes are given late. */
const WAITING = 4_000;

const method = {
  params: z.strictObject({ bytes: z.int() }),
  result: z.object({ text: z.string() }),
  timeoutMs: PATIENT_MS,
  example: { params: { bytes: 1 }, result: { text: 'a' } },
};

const pages = defineService(
  'pages',
  { summary: 'Gives text of any length.', version: '1' },
  { read: { summary: 'Reads.', ...method, reads: true }, write: { summary: 'Writes.', ...method } },
);

interface Answer {
  readonly id: number;
  readonly result?: { readonly text: string };
  readonly error?: { readonly code: number; readonly data: { readonly code: string; readonly reason?: string } };
}

for (const [kind, createTransport] of Object.entries(HTTP_TRANSPORTS))
  describe(`answers that are large together, ${kind},`, () => {
    let open: AsyncDisposableStack;
    let executed: string[];
    /** What calls for so many bytes wait for. */
    let waitFor: Promise<void>;
    let service: Service;
    let server: HttpServer;

    async function serve(answerBytesMax: number): Promise<HttpServer> {
      const logger = pino({ level: 'silent' });
      const made = await serveHttp(service, { host: '127.0.0.1', port: 0, logger, limits: { answerBytesMax } });
      open.defer(() => made.close(0));
      return made;
    }

    beforeEach(async () => {
      open = new AsyncDisposableStack();
      executed = [];
      const give = (name: string) => async (params: { bytes: number }) => {
        executed.push(name);
        if (params.bytes === WAITING) await waitFor;
        return { text: 'a'.repeat(params.bytes) };
      };
      service = implement(pages, { read: give('read'), write: give('write') });
      server = await serve(LIMIT);
    });
    afterEach(() => open[Symbol.asyncDispose]());

    const clientOf = (url: string, options: { readonly answerBytesMax?: number } = {}): Client<typeof pages.methods> =>
      createClient(pages, open.use(createTransport(url, { userAgent: 'test', ...options })));

    async function postBatch(calls: readonly [name: 'read' | 'write', bytes: number][]) {
      const batch = calls.map(([name, bytes], id) => ({ jsonrpc: '2.0', id, method: name, params: { bytes } }));
      const response = await fetch(`${server.url}/rpc`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(batch),
      });
      const text = await response.text();
      return { status: response.status, bytes: text.length, answers: JSON.parse(text) as Answer[] };
    }

    const isSentAlone = ({ error }: Answer): boolean => error?.data.reason === 'send_alone';
    const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

    for (const [name, count, bytes] of [
      ['read', 50, 100 * KIB],
      ['write', 50, 100 * KIB],
      ['read', 2, 2_150 * KIB],
      ['write', 2, 2_150 * KIB],
    ] as const) {
      it(`${count} calls of ${name} that each answer ${bytes} bytes succeed together as they do alone`, async () => {
        const client = clientOf(server.url);
        const results = await Promise.all(times(count, () => client[name]({ bytes })));
        assert.deepEqual(
          results.map(({ text }) => text.length),
          times(count, () => bytes),
        );
        if (name === 'write') assert.equal(executed.length, count);
      });
    }

    it('a batch of reads answers each id within the limit, and asks for the calls without room alone', async () => {
      const { status, bytes, answers } = await postBatch(times(50, () => ['read', 100 * KIB]));
      assert.equal(status, 200);
      assert.ok(bytes <= LIMIT);
      assert.deepEqual(
        answers.map(({ id }) => id),
        [...Array(50).keys()],
      );
      const left = answers.filter(isSentAlone);
      assert.equal(left.length, 10);
      for (const { error } of left) assert.deepEqual([error?.code, error?.data.code], [-32014, 'unavailable']);
      for (const answer of answers) assert.ok(isSentAlone(answer) || answer.result?.text.length === 100 * KIB);
    });

    it('a batch whose answer is exactly as large as the limit is whole, and one byte more is too much', async () => {
      const around = '[{"jsonrpc":"2.0","id":0,"result":{"text":""}},{"jsonrpc":"2.0","id":1,"result":{"text":""}}]'
        .length;
      for (const more of [0, 1]) {
        const { bytes, answers } = await postBatch([
          ['read', KIB],
          ['read', LIMIT - around - KIB + more],
        ]);
        assert.equal(answers.filter(isSentAlone).length, more);
        assert.equal(bytes === LIMIT, more === 0);
      }
    });

    it('a large read has no room beside small ones, and not the other way round', async () => {
      const { answers } = await postBatch([
        ['read', LIMIT - 1_000],
        ['read', 1_000],
        ['read', 1_000],
      ]);
      assert.deepEqual(answers.map(isSentAlone), [true, false, false]);
    });

    it('the result of a write is never left out, whatever is beside it', async () => {
      const { status, answers } = await postBatch([
        ['read', 2_500 * KIB],
        ['write', 2_500 * KIB],
        ['write', 2_500 * KIB],
        ['read', 2_500 * KIB],
      ]);
      assert.equal(status, 200);
      assert.deepEqual(answers.map(isSentAlone), [true, false, false, true]);
      assert.deepEqual(
        answers.map(({ result }) => result?.text.length),
        [undefined, 2_500 * KIB, 2_500 * KIB, undefined],
      );
      assert.deepEqual(executed.toSorted(), ['read', 'read', 'write', 'write']);
    });

    it('an answer that is too large alone is an error of its own id, and is not asked for again', async () => {
      const { status, answers } = await postBatch([
        ['read', 10],
        ['read', LIMIT],
        ['write', LIMIT],
      ]);
      assert.equal(status, 200);
      assert.deepEqual(
        answers.map(({ result, error }) => result?.text.length ?? error?.data.code),
        [10, 'internal', 'internal'],
      );
      const client = clientOf(server.url);
      const outcomes = await Promise.allSettled([client.read({ bytes: LIMIT }), client.read({ bytes: 10 })]);
      assert.equal((outcomes[0] as PromiseRejectedResult).reason.code, 'internal');
      assert.equal(outcomes[1].status, 'fulfilled');
      assert.equal(executed.length, 5);
    });

    it('a client that reads less than the server sends gets each answer within its own limit', async () => {
      const client = clientOf(server.url, { answerBytesMax: 300 * KIB });
      for (const name of ['read', 'write'] as const) {
        const sizes = [100, 200, 400, 200, 100].map((kib) => kib * KIB);
        const outcomes = await Promise.allSettled(sizes.map((bytes) => client[name]({ bytes })));
        assert.deepEqual(
          outcomes.map((outcome) =>
            outcome.status === 'fulfilled' ? outcome.value.text.length : outcome.reason.message,
          ),
          [100 * KIB, 200 * KIB, 'The peer answered more than may be read', 200 * KIB, 100 * KIB],
        );
      }
      assert.equal(executed.length, 10);
    });

    it('after a batch had no room for all, the next ones are smaller, and become larger again', async () => {
      const client = clientOf((await serve(20 * KIB)).url);
      const readAll = (bytes: number) => Promise.all(times(50, () => client.read({ bytes })));
      await readAll(6 * KIB);
      const repeated = executed.length - 50;
      assert.ok(repeated > 40);
      executed = [];
      await readAll(6 * KIB);
      assert.ok(executed.length - 50 < repeated / 2);
      for (let round = 0; round < 10; round++) await readAll(1);
      executed = [];
      await readAll(6 * KIB);
      assert.ok(executed.length - 50 > 20);
    });

    it('a slow call of a batch does not hold up the answers of the others', async () => {
      const client = clientOf(server.url);
      const slow = Promise.withResolvers<void>();
      waitFor = slow.promise;
      const waiting = client.write({ bytes: WAITING });
      assert.deepEqual(
        await Promise.all(times(3, () => client.write({ bytes: 1 }))),
        times(3, () => ({ text: 'a' })),
      );
      slow.resolve();
      assert.equal((await waiting).text.length, WAITING);
      assert.equal(executed.length, 4);
    });

    it('a call of a batch that never answers fails alone', async () => {
      const client = clientOf(server.url);
      waitFor = new Promise(() => {});
      const caller = new AbortController();
      const waiting = client.read({ bytes: WAITING }, { signal: caller.signal });
      const others = times(49, () => client.read({ bytes: 1 }));
      assert.equal((await Promise.all(others)).length, 49);
      caller.abort();
      await assert.rejects(waiting, { code: 'cancelled' });
      assert.deepEqual(await client.read({ bytes: 1 }), { text: 'a' });
    });

    it('answers that come in parts stay within the limit together', async () => {
      const slow = Promise.withResolvers<void>();
      waitFor = slow.promise;
      const client = clientOf((await serve(20 * KIB)).url);
      const waiting = [client.read({ bytes: WAITING }), client.read({ bytes: WAITING })];
      await Promise.all(times(3, () => client.read({ bytes: 6 * KIB })));
      slow.resolve();
      assert.deepEqual(
        (await Promise.all(waiting)).map(({ text }) => text.length),
        [WAITING, WAITING],
      );
      // Both of them were asked for again: the first answers had been sent.
      assert.equal(executed.length, 7);
    });

    it('a client that does not ask for it gets the answers of a batch together, in order', async () => {
      const slow = Promise.withResolvers<void>();
      waitFor = slow.promise;
      const answered = postBatch([
        ['read', WAITING],
        ['read', 1],
      ]);
      setTimeout(slow.resolve, 100);
      const { answers } = await answered;
      assert.deepEqual(
        answers.map(({ id }) => id),
        [0, 1],
      );
    });

    describe('of a foreign server', () => {
      type Request = { readonly id: number; readonly params: { readonly bytes: number } };
      let received: (Request | Request[])[];
      let answer: (request: Request | Request[]) => { readonly status?: number; readonly body: unknown };
      let url: string;

      const answerTo = ({ id, params }: Request) => ({
        jsonrpc: '2.0',
        id,
        // Brackets, quotes and escapes, which must not count as the end of an answer.
        result: { text: '"]}\\[{é'.repeat(params.bytes / 8) },
      });

      beforeEach(async () => {
        received = [];
        const foreign = createServer(async (request, response) => {
          const chunks: Buffer[] = [];
          for await (const chunk of request) chunks.push(chunk);
          const parsed = JSON.parse(Buffer.concat(chunks).toString());
          received.push(parsed);
          const { status = 200, body } = answer(parsed);
          response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
        });
        await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
        open.defer(() => {
          foreign.closeAllConnections();
          foreign.close();
        });
        url = `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`;
      });

      for (const name of ['read', 'write'] as const) {
        it(`each call of ${name} gets its own answer of a batch beyond the limit`, async () => {
          answer = (request) => ({ body: [request].flat().toReversed().map(answerTo) });
          const client = clientOf(url, { answerBytesMax: 64 * KIB });
          const results = await Promise.all([8, 16_000, 32_000, 24_000, 80].map((bytes) => client[name]({ bytes })));
          assert.deepEqual(
            results.map(({ text }) => text),
            [8, 16_000, 32_000, 24_000, 80].map((bytes) => '"]}\\[{é'.repeat(bytes / 8)),
          );
          assert.equal(received.length, 1);
        });
      }

      const alone = (request: Request | Request[], refusal: { readonly status?: number; readonly body: unknown }) =>
        Array.isArray(request) ? refusal : { body: answerTo(request) };
      const tooLarge = { code: -32603, message: 'The answer would be larger than 4194304 bytes' };

      for (const [title, refusal] of [
        ['by 413', { status: 413, body: '' }],
        ['by 400', { status: 400, body: 'no' }],
        ['by 501', { status: 501, body: '' }],
        ['by 401, because it knows credentials in headers only', { status: 401, body: '' }],
        ['as an invalid request', { body: { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'No' } } }],
        ['as an unknown method', { body: { jsonrpc: '2.0', id: null, error: { code: -32601, message: 'No' } } }],
      ] as const) {
        it(`a batch that is refused as a whole ${title} costs no call its answer`, async () => {
          answer = (request) => alone(request, refusal);
          const client = clientOf(url);
          const results = await Promise.all([client.write({ bytes: 8 }), client.write({ bytes: 8 })]);
          assert.deepEqual(results, [{ text: '"]}\\[{é' }, { text: '"]}\\[{é' }]);
          assert.equal(received.length, 3);
        });
      }

      it('a batch that fails as a whole inside the server costs reads nothing, and no write is sent twice', async () => {
        answer = (request) => alone(request, { status: 500, body: { jsonrpc: '2.0', id: null, error: tooLarge } });
        const client = clientOf(url);
        await Promise.all([client.read({ bytes: 8 }), client.read({ bytes: 8 })]);
        assert.equal(received.length, 3);
        const outcomes = await Promise.allSettled([client.write({ bytes: 8 }), client.write({ bytes: 8 })]);
        assert.equal(received.length, 4);
        for (const outcome of outcomes) {
          assert.ok(outcome.status === 'rejected' && outcome.reason instanceof RpcError);
          assert.equal(outcome.reason.code, 'internal');
        }
      });

      it('a batch that is pushed back or meets a broken proxy is not sent again', async () => {
        answer = () => ({ status: 503, body: '' });
        const client = clientOf(url);
        const outcomes = await Promise.allSettled([client.read({ bytes: 8 }), client.read({ bytes: 8 })]);
        assert.deepEqual(
          outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason.code),
          ['unavailable', 'unavailable'],
        );
        assert.equal(received.length, 1);
      });

      it('a server that asks for every call alone, also for one that came alone, is asked twice and no more', async () => {
        const error = { code: -32014, message: 'Alone', data: { code: 'unavailable', reason: 'send_alone' } };
        const refused = ({ id }: Request) => ({ jsonrpc: '2.0', id, error });
        answer = (request) => ({ body: Array.isArray(request) ? request.map(refused) : refused(request) });
        const client = clientOf(url);
        const outcomes = await Promise.allSettled(times(5, () => client.read({ bytes: 8 })));
        for (const outcome of outcomes) assert.equal((outcome as PromiseRejectedResult).reason.code, 'unavailable');
        assert.equal(received.length, 6);
      });

      it('an answer that is no JSON within a batch beyond the limit fails only what has not been answered', async () => {
        answer = (request) => {
          const [first] = [request].flat() as [Request];
          return { body: `[${JSON.stringify(answerTo(first))},{"jsonrpc":"2.0",nonsense},${' '.repeat(64 * KIB)}]` };
        };
        const client = clientOf(url, { answerBytesMax: 32 * KIB });
        const outcomes = await Promise.allSettled([client.write({ bytes: 8 }), client.write({ bytes: 8 })]);
        assert.deepEqual(
          outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.text : outcome.reason.message)),
          ['"]}\\[{é', 'The peer answered something that is not JSON'],
        );
      });
    });
  });
