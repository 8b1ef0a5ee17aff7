import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import { startListening } from './start-listening.ts';

const CALLERS = 600;
const WAIT_MAX_MS = 30_000;

/** Connects in another thread, and counts those that are connected. */
const CALLER = `
  const { connect } = require('node:net');
  const { workerData: { port, callers, connected } } = require('node:worker_threads');
  for (let caller = 0; caller < callers; caller++) {
    connect(port, '127.0.0.1', () => {
      if (Atomics.add(connected, 0, 1) + 1 === callers) Atomics.notify(connected, 0);
    });
  }
`;

describe('startListening', () => {
  it('lets as many callers connect as the server accepts, while the process accepts none', async () => {
    const server = createServer((socket) => socket.on('error', () => {}));
    server.maxConnections = CALLERS;
    const { port } = await startListening(server, { host: '127.0.0.1', port: 0 });
    const connected = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(CALLER, { eval: true, workerData: { port, callers: CALLERS, connected } });
    try {
      const until = performance.now() + WAIT_MAX_MS;
      // Blocks this thread, so that nothing is accepted.
      for (let count = 0; count < CALLERS && performance.now() < until; count = Atomics.load(connected, 0)) {
        Atomics.wait(connected, 0, count, until - performance.now());
      }
      assert.equal(Atomics.load(connected, 0), CALLERS);
    } finally {
      await worker.terminate();
      server.close();
    }
  });
});
