import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Client, createClient, createHttpTransport, defineService } from 'rpc-kit';
import { z } from 'zod';
import { EventLoopWatch } from './input-cost/event-loop.ts';

/** As in the test of inputs: a machine with neighbours slows down some rounds and not all of them. */
const ROUNDS_MAX = 60;
const HOLD_MAX_MS = 25;
const PARSES_MAX = 2;

/** A client's default limit of an answer, less the text around the long part. */
const LENGTH = 4 * 1024 * 1024 - 512;

const service = defineService(
  'peer',
  { summary: 'Answers anything.', version: '1' },
  {
    read: {
      summary: 'Reads.',
      params: z.strictObject({}),
      result: z.object({ items: z.array(z.object({ sku: z.int() })) }),
      reads: true,
      timeoutMs: 15_000,
      example: { params: {}, result: { items: [{ sku: 1 }] } },
    },
  },
);

const long = (unit: string): string => unit.repeat(LENGTH / unit.length);
const list = (unit: string): string => long(`${unit},`).slice(0, -1);
const result = (items: string): string => `{"jsonrpc":"2.0","id":1,"result":{"items":${items}}}`;

const answers: Readonly<Record<string, string | Buffer>> = {
  'many numbers': result(`[${list('1')}]`),
  'many long numbers': result(`[${list('12345678901234567890')}]`),
  'many numbers with an exponent': result(`[${list('1e99')}]`),
  'many bad items': result(`[${list('{"a":0}')}]`),
  'many empty items': result(`[${list('{}')}]`),
  'the same key again and again': result(`{${list('"a":1')}}`),
  'deep arrays': result('['.repeat(LENGTH / 2) + ']'.repeat(LENGTH / 2)),
  'millions of digits': result(`[${long('9')}]`),
  'millions of digits as the id': `{"jsonrpc":"2.0","id":${long('9')},"result":{}}`,
  'a long message': `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"${long('http://a:b@')}"}}`,
  'a long text of quotes': result(`"${long('\\"')}"`),
  blanks: ' '.repeat(LENGTH),
  quotes: '"'.repeat(LENGTH),
  'no UTF-8': Buffer.alloc(LENGTH, 0xff),
};

/** To a batch of two. */
const lists: Readonly<Record<string, string>> = {
  'a list of many answers to nothing': `[${list('{}')}]`,
  'a list of answers of many numbers': `[${list(`{"id":3,"result":[${Array(20_000).fill(1)}]}`)}]`,
  'a list of answers of many long numbers': `[${list(`{"id":3,"result":[${Array(4_000).fill('12345678901234567')}]}`)}]`,
  'a list of brackets': '['.repeat(LENGTH),
};

describe('the cost of one answer', () => {
  let open: AsyncDisposableStack;
  let watch: EventLoopWatch;
  let client: Client<typeof service.methods>;
  let body: Buffer;

  before(async () => {
    open = new AsyncDisposableStack();
    watch = open.use(new EventLoopWatch());
    const server = createServer((request, response) => request.resume().on('end', () => response.end(body)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    client = createClient(service, open.use(createHttpTransport(`http://127.0.0.1:${port}`, { userAgent: 'test' })));
  });
  after(() => open[Symbol.asyncDispose]());

  function itIsCheap(name: string, answer: string | Buffer, calls: number): void {
    it(`${name} holds the event loop of the caller no longer than 25 ms or twice JSON.parse`, async () => {
      body = Buffer.from(answer);
      let [holdMs, parseMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      const isDear = () => holdMs > Math.max(HOLD_MAX_MS, PARSES_MAX * parseMs);
      const refused = () => assert.rejects(client.read({}), { code: 'internal' });
      for (let round = 0; round < ROUNDS_MAX && isDear(); round++) {
        const hold = await watch.longestHold(() => Promise.all(Array.from({ length: calls }, refused)));
        const startedAt = performance.now();
        tryParse(body);
        parseMs = Math.min(parseMs, performance.now() - startedAt);
        holdMs = Math.min(holdMs, hold);
      }
      assert.ok(!isDear(), `held for ${holdMs} ms, JSON.parse for ${parseMs} ms`);
    });
  }

  for (const [name, answer] of Object.entries(answers)) itIsCheap(name, answer, 1);
  for (const [name, answer] of Object.entries(lists)) itIsCheap(name, answer, 2);
});

function tryParse(body: Buffer): void {
  try {
    JSON.parse(body.toString());
  } catch {
    // What is no JSON takes its time, too.
  }
}
