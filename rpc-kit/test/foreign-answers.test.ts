import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Client, createClient, defineService, type RpcError } from 'rpc-kit';
import { z } from 'zod';
import { PATIENT_MS } from './call-stubs.ts';
import { HTTP_TRANSPORTS } from './http-transports.ts';

const method = {
  params: z.strictObject({ n: z.int() }),
  result: z.object({ n: z.int(), list: z.array(z.int()).optional() }),
  timeoutMs: PATIENT_MS,
  example: { params: { n: 1 }, result: { n: 1 } },
};
const echo = defineService(
  'echo',
  { summary: 'Gives a number back.', version: '1' },
  { read: { summary: 'Reads.', ...method, reads: true }, write: { summary: 'Writes.', ...method } },
);

interface Request {
  readonly id: number;
  readonly params: { readonly n: number };
}
type Answer = Record<string, unknown>;

const answerTo = ({ id, params }: Request): Answer => ({ jsonrpc: '2.0', id, result: params });

for (const [kind, createTransport] of Object.entries(HTTP_TRANSPORTS))
  describe(`the answers of a foreign server, ${kind},`, () => {
    let open: AsyncDisposableStack;
    let received: unknown[];
    let headers: IncomingMessage['headers'];
    let answer: (request: Request | Request[], response: ServerResponse) => unknown;
    let url: string;

    beforeEach(async () => {
      open = new AsyncDisposableStack();
      received = [];
      const server = createServer(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        headers = request.headers;
        received.push(JSON.parse(Buffer.concat(chunks).toString()));
        await answer(received.at(-1) as Request, response);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      open.defer(() => {
        server.closeAllConnections();
        server.close();
      });
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterEach(() => open[Symbol.asyncDispose]());

    const clientOf = (options: { readonly answerValuesMax?: number } = {}): Client<typeof echo.methods> =>
      createClient(echo, open.use(createTransport(url, { userAgent: 'test', ...options })));

    /** Answers a single call well, and a batch by what is made of the answers that would be right. */
    const answerBatches =
      (make: (answers: Answer[]) => unknown): typeof answer =>
      (request, response) =>
        response.end(JSON.stringify(Array.isArray(request) ? make(request.map(answerTo)) : answerTo(request)));

    async function three(name: 'read' | 'write', client = clientOf()): Promise<(number | string)[]> {
      const outcomes = await Promise.allSettled([1, 2, 3].map((n) => client[name]({ n })));
      return outcomes.map((outcome) =>
        outcome.status === 'fulfilled' ? outcome.value.n : (outcome.reason as RpcError).code,
      );
    }

    it('that give the ids back as text belong to their calls', async () => {
      answer = answerBatches((answers) => answers.map((one) => ({ ...one, id: String(one.id) })));
      assert.deepEqual(await three('write'), [1, 2, 3]);
      assert.equal(received.length, 1);
    });

    for (const [what, make, others] of [
      ['leaves one out', (answers: Answer[]) => answers.toSpliced(1, 1), 1],
      ['leaves all out', () => [], 3],
      ['has no ids', (answers: Answer[]) => answers.map(({ id, ...rest }) => rest), 3],
      ['has null for the ids', (answers: Answer[]) => answers.map((one) => ({ ...one, id: null })), 3],
      ['is one error without an id', () => [{ jsonrpc: '2.0', id: null, error: { code: -32600, message: 'No' } }], 3],
    ] as const) {
      it(`to a batch of reads cost no call its own when the list ${what}`, async () => {
        answer = answerBatches(make);
        assert.deepEqual(await three('read'), [1, 2, 3]);
        assert.equal(received.length, 1 + others);
      });

      it(`to a batch of writes fail what has none when the list ${what}, and no write is sent twice`, async () => {
        answer = answerBatches(make);
        const outcomes = await three('write');
        assert.equal(outcomes.filter((outcome) => outcome === 'internal').length, others);
        assert.equal(received.length, 1);
      });
    }

    it('that break off leave the calls that were answered their answers', async () => {
      answer = (request, response) => {
        const text = JSON.stringify([request].flat().map(answerTo));
        response.writeHead(200, { 'content-length': text.length });
        response.write(text.slice(0, -5), () => response.destroy());
      };
      assert.deepEqual(await three('write'), [1, 2, 'unavailable']);
    });

    it('are asked for without a coding, because any may be sent where none is named', async () => {
      answer = answerBatches((answers) => answers);
      await three('read');
      assert.equal(headers['accept-encoding'], 'identity');
    });

    it('that arrive byte by byte are given up', async () => {
      let hasLeft = false;
      answer = async (_request, response) => {
        response.once('close', () => {
          hasLeft = true;
        });
        response.writeHead(200, { 'content-type': 'application/json' });
        while (!hasLeft) {
          for (let count = 0; count < 100; count++) response.write(' ');
          await nextTurn();
        }
      };
      await assert.rejects(clientOf().read({ n: 1 }), {
        code: 'internal',
        message: 'The peer answered in too many pieces',
      });
    });

    it('that hold more values than may be read fail their own call only', async () => {
      const list = Array(100).fill(1);
      answer = (request, response) => {
        const answers = [request].flat().map((one) => ({
          ...answerTo(one),
          result: { ...one.params, ...(one.params.n === 2 && { list }) },
        }));
        response.end(JSON.stringify(Array.isArray(request) ? answers : answers[0]));
      };
      assert.deepEqual(await three('write', clientOf({ answerValuesMax: 50 })), [1, 'internal', 3]);
      assert.deepEqual(await three('write', clientOf({ answerValuesMax: 250 })), [1, 2, 3]);
      await assert.rejects(clientOf({ answerValuesMax: 50 }).read({ n: 2 }), { code: 'internal' });
    });

    it('that are errors of any form are errors, and quote no megabytes', async () => {
      for (const [error, code, message] of [
        [{ code: { valueOf: 1, toString: 1 }, message: 'a' }, 'internal', 'a'],
        [{ code: -32601.5, message: 'a' }, 'internal', 'a'],
        [{ code: [], message: 'a' }, 'internal', 'a'],
        ['a', 'internal', 'The peer answered an error without a message'],
        [{ code: -32005, message: 'é'.repeat(1_000_000) }, 'not_found', 'é'.repeat(1_000)],
      ] as const) {
        answer = (request, response) =>
          response.end(JSON.stringify({ jsonrpc: '2.0', id: (request as Request).id, error }));
        await assert.rejects(clientOf().read({ n: 1 }), { code, message });
      }
      const long = '{"jsonrpc":"2.0","id":1,"error":{"code":-32601.00000000000000000001,"message":"a"}}';
      answer = (_request, response) => response.end(long);
      await assert.rejects(clientOf().read({ n: 1 }), { code: 'internal', message: 'a' });
    });
  });
