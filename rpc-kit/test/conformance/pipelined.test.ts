import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type HttpServer, serveHttp } from 'rpc-kit';
import { IGNORED_MAX, UNANSWERED_MAX } from '../../src/http/server/connections.ts';
import { UNMEASURED } from '../../src/http/server/http-metrics.ts';
import { createStalling, type Stalling } from '../mounts/stalling-service.ts';
import { WIRES } from './wires.ts';

const WAIT = 'POST /wait HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}';

for (const wire of WIRES) {
  describe(`a connection with many requests in a row, over ${wire.name}`, () => {
    let stalling: Stalling;
    let refused: Promise<string>;
    let server: HttpServer;
    let socket: Socket;

    beforeEach(async () => {
      stalling = createStalling();
      const refusal = Promise.withResolvers<string>();
      refused = refusal.promise;
      const requestsAt = () => ({ ended() {}, refusalsAt: () => [], refused: refusal.resolve });
      const metrics = { ...UNMEASURED, requestsAt };
      server = await serveHttp(stalling.service, { host: '127.0.0.1', port: 0, metrics, ...wire.serverOptions });
      socket = wire.connect(server.port).on('error', () => {});
    });
    afterEach(async () => {
      socket.destroy();
      await server.close(0);
    });

    it(`has ${UNANSWERED_MAX} of them in flight, and a refusal as its last answer`, async () => {
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.write(WAIT.repeat(UNANSWERED_MAX + 1 + IGNORED_MAX));
      assert.equal(await refused, 'malformed');
      stalling.goOn();
      await once(socket, 'end');
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
      assert.deepEqual(statuses, [...Array(UNANSWERED_MAX).fill(200), 429]);
      assert.match(text, /"code":"resource_exhausted","message":"More than 100 requests of this connection wait/);
    });

    it('is closed when it sends on and on behind that refusal, and its calls are cancelled', async () => {
      const closed = once(socket, 'close');
      socket.resume().write(WAIT.repeat(UNANSWERED_MAX + IGNORED_MAX + 2));
      await closed;
      assert.equal(await stalling.cancelled, 'cancelled');
    });
  });
}
