import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { Request } from './request.ts';

const READ = ['host', 'expect', 'content-type', 'content-encoding', 'accept', 'origin', 'sec-fetch-site', 'user-agent'];
const ALSO_READ = ['authorization', 'x-request-id', 'x-deadline-ms', 'traceparent', 'tracestate', 'baggage', 'te'];
const NOT_READ = [
  'cookie',
  'x-forwarded-for',
  'accept-encoding',
  'a',
  'content-typo',
  'x-request-id-of-another',
  '__proto__',
];

describe('a request of the server', () => {
  let server: Server;
  let handle: (request: Request) => Promise<unknown> | undefined;

  before(async () => {
    server = createServer({ IncomingMessage: Request, requireHostHeader: false });
    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      await handle(request as Request);
      response.end();
    };
    for (const event of ['request', 'checkExpectation', 'checkContinue']) server.on(event, answer);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => server.close());

  /** Sends one part after the other, each once the server has read the one before. */
  async function send(parts: readonly string[], handler: typeof handle): Promise<void> {
    handle = handler;
    const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true }).resume();
    const closed = once(socket, 'close');
    for (const part of parts) {
      socket.write(part);
      for (let turns = 0; turns < 10; turns++) await nextTurn();
    }
    await closed;
  }

  it('has the headers that are read as node:http has them, however they are spelled and repeated', async () => {
    const name = fc.constantFrom(...READ, ...ALSO_READ, ...NOT_READ).chain((lower) =>
      fc.constantFrom(
        lower,
        lower.toUpperCase(),
        lower.replace(/^[a-z]|-[a-z]/g, (c) => c.toUpperCase()),
      ),
    );
    const line = fc.tuple(name, fc.constantFrom('', '1', 'x/y', 'a, b')).map(([field, value]) => `${field}: ${value}`);
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
        let own: unknown;
        let ofNode: Record<string, unknown> = {};
        const head = ['GET / HTTP/1.1', ...lines, 'connection: close'].join('\r\n');
        await send([`${head}\r\n\r\n`], async (request) => {
          own = [...READ, ...ALSO_READ].map((each) => request.headers[each]);
          ofNode = Reflect.get(IncomingMessage.prototype, 'headers', request);
        });
        assert.deepEqual(
          own,
          [...READ, ...ALSO_READ].map((each) => ofNode[each]),
        );
      }),
      { numRuns: 200 },
    );
  });

  const HEAD = 'POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: 6\r\n\r\n';
  for (const [what, parts] of [
    ['with its headers', [`${HEAD}abcdef`]],
    ['in parts', [HEAD, 'ab', 'cd', 'ef']],
    [
      'in chunks',
      ['POST / HTTP/1.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n'],
    ],
  ] as const) {
    for (const when of ['at once', 'later'] as const) {
      it(`passes on its body, which arrives ${what} and is read ${when}`, async () => {
        let body = '';
        await send(parts, async (request) => {
          if (when === 'later') await nextTurn();
          const ended = Promise.withResolvers<void>();
          request.readBody({
            onPart(part) {
              body += part;
            },
            onEnd: ended.resolve,
          });
          await ended.promise;
        });
        assert.equal(body, 'abcdef');
      });
    }
  }

  it('leaves in the stream what it does not pass on', async () => {
    let body = '';
    let rest = '';
    await send([HEAD, 'ab', 'cd', 'ef'], async (request) => {
      const stopped = Promise.withResolvers<void>();
      request.readBody({
        onPart(part) {
          body += part;
          request.stopReading();
          stopped.resolve();
        },
        onEnd: stopped.reject,
      });
      await stopped.promise;
      rest = await text(request);
    });
    assert.deepEqual([body, rest], ['ab', 'cdef']);
  });

  it('passes a body that its first reader kept to the next one, until that one stops', async () => {
    const parts: string[] = [];
    await send([HEAD, 'ab', 'cd', 'ef'], async (request) => {
      const kept: Buffer[] = [];
      const read = Promise.withResolvers<void>();
      request.readBody({ onPart: (part) => kept.push(part), onEnd: read.resolve });
      await read.promise;
      for (const partsMax of [3, 1]) {
        request.keepBody(kept);
        let left = partsMax;
        request.readBody({
          onPart(part) {
            parts.push(String(part));
            left -= 1;
            if (left === 0 && partsMax < kept.length) request.stopReading();
          },
          onEnd: () => parts.push('end'),
        });
      }
    });
    assert.deepEqual(parts, ['ab', 'cd', 'ef', 'end', 'ab']);
  });
});
