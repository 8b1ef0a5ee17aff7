import assert from 'node:assert/strict';
import { createClient } from 'rpc-kit';
import { basket } from './basket-contract.ts';
import { createBasketService } from './basket-service.ts';
import { prices } from './prices-contract.ts';
import { pricesService } from './prices-service.ts';

describe('basket', () => {
  // A service can be handed to a client as it is: no port, no network, the same validation and the same errors.
  const client = createClient(basket, createBasketService(createClient(prices, pricesService)));

  it('adds up what exists and names what does not', async () => {
    assert.deepEqual(await client.total({ skus: [7, 8, 9] }), { total: 2_698n, unknown: [9] });
  });
});
