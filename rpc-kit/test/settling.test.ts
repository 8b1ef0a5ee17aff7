import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createBalancer, createCircuitBreaker, createHttpTransport, RpcError, type Transport } from 'rpc-kit';
import type { HttpTransportOptions } from '../src/http/client/transport.ts';
import { type CallStub, callOf } from './call-stubs.ts';

const REASON = new RpcError('cancelled', 'the caller has left');

/** Aborts the call when the request has begun, before the turn of the event loop ends, or before the call. */
async function assertSettles(transport: Transport, own: CallStub, begun: Promise<unknown>): Promise<void> {
  assert.equal(transport.settlesOnAbort, true);
  for (const when of ['begun', 'at once', 'before'] as const) {
    const controller = new AbortController();
    if (when === 'before') controller.abort(REASON);
    const settled = transport.call(callOf({ ...own, signal: controller.signal })).catch((error: unknown) => error);
    if (when === 'begun') await begun;
    controller.abort(REASON);
    assert.equal(await Promise.race([settled, new Promise(setImmediate)]), REASON, when);
  }
}

const HANGING = {
  call: () => new Promise<unknown>(() => {}),
  [Symbol.asyncDispose]: async () => {},
};

describe('A call settles as soon as its signal aborts', () => {
  const faces: Record<string, Partial<HttpTransportOptions>> = {
    'in a batch': {},
    'alone over JSON-RPC': { batching: false },
    'on the plain face': { face: 'plain' },
  };
  for (const [name, options] of Object.entries(faces)) {
    it(`${name}, while the peer does not answer`, async () => {
      const { promise: begun, resolve } = Promise.withResolvers<void>();
      const server = createServer(() => resolve()).listen(0, '127.0.0.1');
      await new Promise((listening) => server.once('listening', listening));
      const { port } = server.address() as AddressInfo;
      await using transport = createHttpTransport(`http://127.0.0.1:${port}`, { userAgent: 'test/1', ...options });
      await assertSettles(transport, {}, begun);
      await assertSettles(transport, { emit: async () => {} }, begun);
      server.close();
      server.closeAllConnections();
    });

    it(`${name}, while its authorization is waited for`, async () => {
      const { promise: begun, resolve } = Promise.withResolvers<void>();
      const authorization = () => {
        resolve();
        return new Promise<string>(() => {});
      };
      const given = { userAgent: 'test/1', authorization, ...options };
      await using transport = createHttpTransport('http://127.0.0.1:1', given);
      await assertSettles(transport, {}, begun);
    });
  }

  it('through a circuit breaker, whatever its transport does', async () => {
    using breaker = createCircuitBreaker();
    await assertSettles(breaker.guard(HANGING), {}, Promise.resolve());
  });

  it('through a balancer, whatever its transports do', async () => {
    await using balancer = createBalancer({ endpoints: ['http://a'], connect: () => HANGING });
    await assertSettles(balancer, {}, Promise.resolve());
  });
});
