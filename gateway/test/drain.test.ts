import assert from 'node:assert/strict';
import { type Gateway, openGateway } from './gateway-fixture.ts';

describe('A gateway that stops', () => {
  it('finishes the requests in flight, closes their connections, and accepts no other one', async () => {
    const { promise: waiting, resolve: go } = Promise.withResolvers<void>();
    const gateway: Gateway = await openGateway({
      products: {
        async list_products() {
          await waiting;
          return { products: [] };
        },
      },
    });
    const inFlight = gateway.ask('/v1/products', { headers: { connection: 'keep-alive' } });
    while (!gateway.calls.includes('products.list_products')) await new Promise(setImmediate);
    const stopped = gateway[Symbol.asyncDispose]();
    await assert.rejects(gateway.ask('/v1/products'), { code: 'ECONNREFUSED' });
    go();
    const { status, headers } = await inFlight;
    assert.deepEqual([status, headers.connection], [200, 'close']);
    await stopped;
  });
});
