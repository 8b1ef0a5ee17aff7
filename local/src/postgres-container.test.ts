import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Failure } from './failure.ts';
import { startPostgresContainer } from './postgres-container.ts';

/** The machine may be slow; what counts is that it ends at all, and how. */
const TEST_TIMEOUT_MS = 60_000;

describe('A Postgres in a container', function () {
  this.timeout(TEST_TIMEOUT_MS);
  const given = process.env.DOCKER_HOST;

  afterEach(() => {
    if (given === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = given;
  });

  it('is not waited for when the Docker engine takes connections and never answers', async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    process.env.DOCKER_HOST = `tcp://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    try {
      await assert.rejects(startPostgresContainer('secret', {}, { engineTimeoutMs: 1_000 }), (error) => {
        assert.ok(error instanceof Failure);
        assert.equal(error.message, 'no Docker engine answers within 1 s');
        return true;
      });
      assert.equal(sockets.size, 1, 'the engine was asked');
    } finally {
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  });
});
