import assert from 'node:assert/strict';
import { createClient, fail, implement, RpcError } from 'rpc-kit';
import { basket } from 'rpc-kit/examples/basket-contract.ts';
import { createBasketService } from 'rpc-kit/examples/basket-service.ts';
import { prices } from 'rpc-kit/examples/prices-contract.ts';
import { testCall } from 'rpc-kit/testing';

type PriceOf = Parameters<typeof implement<typeof prices.methods>>[1]['priceOf'];

/** A basket whose prices come from the test. */
function basketWith(priceOf: PriceOf) {
  return createBasketService(createClient(prices, implement(prices, { priceOf })));
}

describe('basket, with prices of the test', () => {
  it('counts a product that prices does not know as unknown', async () => {
    const service = basketWith(async ({ sku }) => {
      if (sku === 1) return { price: 5 };
      throw fail(prices.methods.priceOf, 'unknown_sku', { sku });
    });
    assert.deepEqual(await createClient(basket, service).total({ skus: [1, 2] }), { total: 5n, unknown: [2] });
  });

  it('fails when prices is down', async () => {
    const service = basketWith(() => Promise.reject(new RpcError('unavailable', 'The database is down')));
    await assert.rejects(createClient(basket, service).total({ skus: [1] }), { code: 'unavailable' });
  });

  it('passes the request id of its caller on', async () => {
    const ids: string[] = [];
    const service = basketWith(async (_params, { requestId }) => {
      ids.push(requestId);
      return { price: 5 };
    });
    // The call as the server receives it, in wire form; what it does not name has a default.
    await service.call(testCall({ method: 'total', params: { skus: [1] }, requestId: 'ticket-1' }));
    assert.deepEqual(ids, ['ticket-1']);
  });
});
