import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { HttpServer } from 'rpc-kit';
import { createSubject, type Subject, serveSubject } from './subject.ts';
import { WIRES } from './wires.ts';

const post = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const SUM = post('/sum', '{"a":1,"b":2,"c":4}');
const RPC = post('/rpc', '{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2,4]}');
const CHUNKED =
  'POST /sum HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n{"a":1,"b":2,"c":4}\r\n0\r\n\r\n';
const PAGE = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
/** It is in flight for 50 ms, and then answered by 504. */
const SLOW = post('/never', '{}');
const CLOSING = SUM.replace('Host', 'Connection: close\r\nHost');
/** Its body is broken by its second chunk. */
const BROKEN_BODY = 'POST /order HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n';
/** Refused by its headers, before the body that is broken. */
const REFUSED = BROKEN_BODY.replace('Host', 'Content-Type: text/plain\r\nHost');

for (const wire of WIRES) {
  describe(`a valid request with stray bytes behind it, over ${wire.name}`, () => {
    let subject: Subject;
    let server: HttpServer;

    beforeEach(async () => {
      subject = createSubject();
      server = await serveSubject(subject, wire.serverOptions);
    });
    afterEach(() => server.close(0));

    /** Everything that the server sends until it closes the connection. */
    async function converse(talk: (socket: Socket) => unknown): Promise<string> {
      const socket = wire.connect(server.port, { allowHalfOpen: true });
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      const ended = once(socket, 'end');
      await talk(socket);
      await ended;
      socket.destroy();
      return Buffer.concat(chunks).toString();
    }

    const statusesOf = (text: string): number[] =>
      [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

    const sentAtOnce: readonly (readonly [title: string, bytes: string, statuses: readonly number[]])[] = [
      ['one byte', `${SUM}x`, [200, 400]],
      ['one byte, to /rpc', `${RPC}x`, [200, 400]],
      ['one byte, after a chunked body', `${CHUNKED}x`, [200, 400]],
      ['one byte, after a page', `${PAGE}x`, [200, 400]],
      ['one byte, after a HEAD', `${PAGE.replace('GET', 'HEAD')}x`, [200, 400]],
      ['a NUL', `${SUM}\0`, [200, 400]],
      ['a line of nonsense', `${SUM}hello\r\n\r\n`, [200, 400]],
      ['more nonsense than fits into one packet', `${SUM}${'x'.repeat(300_000)}`, [200, 400]],
      ['a body longer than it said', `${RPC.replace('Content-Length: 5', 'Content-Length: 4')}`, [400, 400]],
      ['a request whose headers are too large', `${SUM}${PAGE.replace('a\r', `${'a'.repeat(20_000)}\r`)}`, [200, 431]],
      ['a request whose body is broken', `${SUM}${BROKEN_BODY}`, [200, 400]],
      ['a request that was refused before its body broke', `${SUM}${REFUSED}`, [200, 415]],
      ['the same, as the first of its connection', REFUSED, [415]],
      ['one byte, while the request is under way', `${SLOW}x`, [504, 400]],
      ['one byte behind three of its kind', `${SUM}${RPC}${PAGE}x`, [200, 200, 200, 400]],
      ['one byte behind a slow one and a quick one', `${SLOW}${SUM}x`, [504, 200, 400]],
      ['a broken body behind a slow one and a quick one', `${SLOW}${SUM}${BROKEN_BODY}`, [504, 200, 400]],
      ['one byte, though it was to be the last', `${CLOSING}x`, [200]],
    ];

    for (const [title, bytes, statuses] of sentAtOnce) {
      it(`is answered, then the connection is refused and closed: ${title}`, async () => {
        const text = await converse((socket) => socket.write(bytes));
        assert.deepEqual(statusesOf(text), statuses);
        assert.match(text, /[7}]$/, 'the last answer has its body, the sum or an error');
        assert.ok(!subject.executed.includes('order'));
      });
    }

    it('is answered when the stray byte arrives while it is in flight', async () => {
      const text = await converse(async (socket) => {
        socket.write(SLOW);
        while (!subject.executed.includes('never')) await new Promise((resolve) => setImmediate(resolve));
        socket.write('x');
      });
      assert.deepEqual(statusesOf(text), [504, 400]);
    });

    it('is answered when more and more stray bytes come, and once', async () => {
      const text = await converse(async (socket) => {
        socket.write(SLOW);
        while (!subject.executed.includes('never')) await new Promise((resolve) => setImmediate(resolve));
        for (let times = 0; times < 20; times++) {
          socket.write(`x${SUM}`);
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
      assert.deepEqual(statusesOf(text), [504, 400]);
      assert.deepEqual(subject.executed, ['never']);
    });

    it('is answered when the stray byte comes after its answer', async () => {
      const text = await converse(async (socket) => {
        socket.write(SUM);
        await once(socket, 'data');
        socket.write('x');
      });
      assert.deepEqual(statusesOf(text), [200, 400]);
    });

    for (const [what, stray] of [
      ['nonsense', 'x'],
      ['the beginning of a request', 'G'],
      ['half of a request', PAGE.slice(0, 20)],
    ]) {
      it(`is answered when its sender ends behind ${what}`, async () => {
        const text = await converse((socket) => socket.end(`${SLOW}${stray}`));
        assert.deepEqual(statusesOf(text), [504, 400]);
      });
    }

    it('is not refused for the empty lines that HTTP/1.1 allows', async () => {
      const text = await converse((socket) => socket.write(`\r\n${SUM}\r\n${CLOSING}`));
      assert.deepEqual(statusesOf(text), [200, 200]);
    });

    it('whose sender has gone leaves nothing behind', async () => {
      const socket = wire.connect(server.port);
      socket.write(`${SLOW}x`);
      while (!subject.executed.includes('never')) await new Promise((resolve) => setImmediate(resolve));
      wire.sever(socket);
      // It waits for every connection to be closed.
      await server.close();
      assert.deepEqual(subject.executed, ['never']);
    });
  });
}
