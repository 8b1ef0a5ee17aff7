import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { HttpServer } from 'rpc-kit';
import { createSubject, type Subject, serveSubject } from './subject.ts';
import { WIRES } from './wires.ts';

const post = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const SUM = post('/sum', '{"a":1,"b":2,"c":4}');
/** It is under way for 50 ms, and then answered by 504. */
const SLOW = post('/never', '{}');
const RPC = post('/rpc', '{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2,4]}');
const TUNNEL = 'CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n';

for (const wire of WIRES) {
  describe(`a connection whose sender is done, over ${wire.name}`, () => {
    let subject: Subject;
    let server: HttpServer;

    beforeEach(async () => {
      subject = createSubject();
      server = await serveSubject(subject, wire.serverOptions);
    });
    afterEach(() => server.close(0));

    /** The statuses of everything that the server answers until it closes the connection. */
    async function converse(talk: (socket: Socket) => unknown): Promise<number[]> {
      const socket = wire.connect(server.port, { allowHalfOpen: true });
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      const ended = once(socket, 'end');
      await talk(socket);
      await ended;
      socket.destroy();
      return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
    }

    for (const [what, bytes, statuses] of [
      ['a call', SUM, [200]],
      ['a call by JSON-RPC', RPC, [200]],
      ['a call of HTTP/1.0', SUM.replace('HTTP/1.1', 'HTTP/1.0'), [200]],
      ['a call that takes a while', SLOW, [504]],
      ['several calls', `${SLOW}${SUM}${RPC}`, [504, 200, 200]],
      ['a call and half of another', `${SUM}${SLOW.slice(0, -1)}`, [200, 400]],
      ['nothing', '', []],
    ] as const) {
      it(`is answered when its side ends behind ${what}`, async () => {
        assert.deepEqual(await converse((socket) => socket.end(bytes)), statuses);
      });
    }

    for (const [what, bytes, statuses] of [
      ['alone', TUNNEL, [501]],
      ['behind calls', `${SLOW}${SUM}${TUNNEL}`, [504, 200, 501]],
      ['with bytes for the other end', `${TUNNEL}${'x'.repeat(100_000)}`, [501]],
    ] as const) {
      it(`is answered when it asks for a tunnel ${what}`, async () => {
        assert.deepEqual(await converse((socket) => socket.write(bytes)), statuses);
      });
    }

    it('that asks for a tunnel and breaks ends nothing but itself', async () => {
      const socket = wire.connect(server.port);
      socket.write(`${SLOW}${TUNNEL}`);
      while (!subject.executed.includes('never')) await new Promise((resolve) => setImmediate(resolve));
      wire.sever(socket);
      assert.deepEqual(await converse((other) => other.end(SUM)), [200]);
    });
  });
}
