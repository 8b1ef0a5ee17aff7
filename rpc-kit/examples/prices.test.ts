import assert from 'node:assert/strict';
import { createClient } from 'rpc-kit';
import { prices } from './prices-contract.ts';
import { pricesService } from './prices-service.ts';

describe('prices', () => {
  // A service is a transport: no port, no network, but the same validation and the same errors.
  const client = createClient(prices, pricesService);

  it('returns the price of a product', async () => {
    assert.deepEqual(await client.priceOf({ sku: 7 }), { price: 199 });
  });

  it('refuses an unknown product', async () => {
    await assert.rejects(client.priceOf({ sku: 9 }), { code: 'not_found', reason: 'unknown_sku', details: { sku: 9 } });
  });
});
