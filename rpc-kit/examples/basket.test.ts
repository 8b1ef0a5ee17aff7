import assert from 'node:assert/strict';
import { createClient } from 'rpc-kit';
import { basket } from './basket-contract.ts';
import { createBasketService } from './basket-service.ts';
import { prices } from './prices-contract.ts';
import { pricesService } from './prices-service.ts';

describe('basket', () => {
  // A service is a transport: no port, no network, but the same validation and the same errors.
  const client = createClient(basket, createBasketService(createClient(prices, pricesService)));

  it('adds up the prices of known products and lists the unknown ones', async () => {
    assert.deepEqual(await client.total({ skus: [7, 8, 9] }), { total: 2_698n, unknown: [9] });
  });
});
