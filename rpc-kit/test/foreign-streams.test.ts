import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { createClient, defineService, type ItemStream, stream } from 'rpc-kit';
import { z } from 'zod';
import { PATIENT_MS } from './call-stubs.ts';
import { answer, createFaultyPeer, type FaultyPeer } from './conformance/faulty-peer.ts';
import { HTTP_TRANSPORTS } from './http-transports.ts';

const news = defineService(
  'news',
  { summary: 'Sends what is new.', version: '1' },
  {
    watch: {
      summary: 'Watches.',
      params: z.strictObject({}),
      result: stream(z.object({ nr: z.int() })),
      timeoutMs: PATIENT_MS,
      reads: true,
      example: { params: {}, result: { nr: 1 } },
    },
  },
);

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n';

/** Sends the parts of an answer one by one, and closes. */
const events =
  (...parts: readonly (string | Buffer)[]) =>
  (socket: Socket): void => {
    socket.write(HEAD);
    for (const part of parts) socket.write(part);
    socket.end();
  };

for (const [kind, createTransport] of Object.entries(HTTP_TRANSPORTS))
  describe(`The stream of a foreign server, ${kind}`, () => {
    let peer: FaultyPeer;
    let open: AsyncDisposableStack;
    let watch: () => ItemStream<{ nr: number }>;
    beforeEach(async () => {
      open = new AsyncDisposableStack();
      peer = open.use(await createFaultyPeer());
      const options = { userAgent: 'test', answerBytesMax: 1_000, answerValuesMax: 10 };
      const client = createClient(news, open.use(createTransport(peer.url, options)));
      watch = () => client.watch({});
    });
    afterEach(() => open[Symbol.asyncDispose]());

    /** The numbers that arrive before the failure, if there is one. */
    async function outcome(): Promise<readonly unknown[]> {
      const numbers: number[] = [];
      try {
        for await (const { nr } of watch()) numbers.push(nr);
        return numbers;
      } catch (error) {
        const { code, message } = error as { code: string; message: string };
        return [...numbers, `${code}: ${message}`];
      }
    }

    const END = 'event: end\ndata: {}\n\n';
    const cases: Record<string, readonly [(socket: Socket) => void, readonly unknown[]]> = {
      'may name its items "message", split their data, and send comments and other events': [
        events(
          'event: message\r\ndata: {\r\ndata: "nr": 1}\r\n\r\n: hello\n\nevent: other\ndata: x\n\nid\nretry: 1\n\n',
          END,
        ),
        [1],
      ],
      'may be cut anywhere': [events(...`data: {"nr":1}\n\ndata: {"nr":2}\n\n${END}`), [1, 2]],
      'may write its type in capitals, and begin with a byte order mark': [
        answer(200, `\ufeffdata: {"nr":1}\n\n${END}`, 'Content-Type: Text/Event-Stream ;charset=UTF-8'),
        [1],
      ],
      'may be empty': [events(END), []],
      'may be no content': [answer(204, ''), []],
      'breaks off without its end': [
        events('data: {"nr":1}\n\ndata: {"nr":2}'),
        [1, 'unavailable: The stream of news broke off'],
      ],
      'is reset': [
        (socket) => {
          const head = HEAD.replace('Connection: close', 'Transfer-Encoding: chunked');
          socket.write(`${head}10\r\ndata: {"nr":1}\n\n\r\n`, () => setImmediate(() => socket.resetAndDestroy()));
        },
        [1, 'unavailable: The connection to news broke'],
      ],
      'fails with an error of its own': [
        events('data: {"nr":1}\n\n', 'event: error\ndata: {"error":{"code":"aborted","message":"Lost"}}\n\n'),
        [1, 'aborted: Lost'],
      ],
      'fails with an error in another form': [
        events('event: error\ndata: {}\n\n'),
        ['internal: The peer answered HTTP 200'],
      ],
      'sends what is no JSON': [events('data: x\n\n', END), ['internal: The peer answered something that is not JSON']],
      'sends what is no UTF-8': [
        events('data: "', Buffer.of(0xff), '"\n\n', END),
        ['internal: The peer answered something that is not JSON'],
      ],
      'sends an item that does not fit the contract': [
        events('data: {"nr":1}\n\ndata: {"nr":"2"}\n\n', END),
        [1, 'internal: The answer does not fit the contract'],
      ],
      'sends an item that is too large': [
        events(`data: {"nr":1}\n\ndata: {"nr":2,"x":"${'x'.repeat(1_000)}"}\n\n`, END),
        ['internal: The peer answered more than may be read'],
      ],
      'sends an item of too many values': [
        events('data: {"nr":1}\n\n', 'data: [1,2,3,4,5,6,7,8,9,10,11]\n\n', END),
        [1, 'internal: The peer answered more than may be read'],
      ],
      'sends a line without end': [events('x'.repeat(1_001)), ['internal: The peer answered more than may be read']],
      'goes on behind its end': [events(END, 'data: {"nr":3}\n\n'), []],
      'is no stream of events': [
        answer(200, '{"nr":1}', 'Content-Type: application/json'),
        ['internal: The peer answered something that is no stream of events'],
      ],
      'is refused with an error': [
        answer(503, '{"error":{"code":"unavailable","message":"Not now"}}'),
        ['unavailable: Not now'],
      ],
      'is refused by a proxy': [answer(502, '<html>'), ['unavailable: The peer answered HTTP 502']],
      'is refused with too much': [
        answer(500, `"${'x'.repeat(1_000)}"`),
        ['internal: The peer answered more than may be read'],
      ],
    };
    for (const [what, [behaviour, expected]] of Object.entries(cases)) {
      it(what, async () => {
        peer.behave(behaviour);
        assert.deepEqual(await outcome(), expected);
      });
    }

    it('leaves no connection open when the caller has left', async () => {
      const closed = Promise.withResolvers<void>();
      peer.behave((socket) => {
        socket.on('close', () => closed.resolve());
        socket.write(`${HEAD}data: {"nr":1}\n\n`);
      });
      for await (const _item of watch()) break;
      await closed.promise;
    });

    it('is not called when the caller has left before', async () => {
      const client = createClient(news, open.use(createTransport(peer.url, { userAgent: 'test' })));
      await assert.rejects(client.watch({}, { signal: AbortSignal.abort() }).next(), { code: 'cancelled' });
      assert.equal(peer.opened, 0);
    });
  });
