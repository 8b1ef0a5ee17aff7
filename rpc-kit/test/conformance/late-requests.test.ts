import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { HttpServer } from 'rpc-kit';
import { createSubject, type Subject, serveSubject } from './subject.ts';

const TIMEOUT_MS = 200;
/** Past the timeout and past its next check, which is made every second. */
const STALL_MS = 1_300;

const ORDER = '{"user":1,"items":[{"sku":1,"count":1}]}';

describe('a request that arrives late because the event loop of the server stalled', () => {
  let subject: Subject;
  let server: HttpServer;

  beforeEach(async () => {
    subject = createSubject();
    server = await serveSubject(subject, { limits: { headersTimeoutMs: TIMEOUT_MS, requestTimeoutMs: TIMEOUT_MS } });
  });
  afterEach(() => server.close(0));

  function stall(): void {
    const until = performance.now() + STALL_MS;
    while (performance.now() < until);
  }

  const HEAD = `POST /order HTTP/1.1\r\nHost: a\r\nContent-Length: ${ORDER.length}\r\n`;
  for (const [what, first, rest] of [
    ['in its headers', HEAD, `\r\n${ORDER}`],
    ['in its body', `${HEAD}\r\n{`, ORDER.slice(1)],
    ['whole', '', `${HEAD}\r\n${ORDER}`],
  ] as const) {
    for (const isSentInStall of [true, false]) {
      const when = isSentInStall ? 'during' : 'after';
      it(`is unavailable with Retry-After, and is not executed: late ${what}, sent ${when} the stall`, async () => {
        const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true }).on('error', () => {});
        const chunks: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => chunks.push(chunk));
        const closed = once(socket, 'close');
        await once(socket, 'connect');
        socket.write(first);
        // Until the server has read the first part.
        for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
        if (isSentInStall) socket.write(rest);
        stall();
        if (!isSentInStall) socket.write(rest);
        await closed;
        const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
        assert.match(head, /^HTTP\/1\.1 503 /);
        assert.match(head, /^retry-after: 1$/m);
        const { code, reason, retryAfterMs } = JSON.parse(body).error;
        assert.deepEqual([code, reason, retryAfterMs], ['unavailable', 'overloaded', 1_000]);
        assert.deepEqual(subject.executed, []);
      });
    }
  }
});
