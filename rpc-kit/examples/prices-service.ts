import { fail, implement } from 'rpc-kit';
import { prices } from './prices-contract.ts';

const pricesBySku = new Map([
  [7, 199],
  [8, 2_499],
]);

export const pricesService = implement(prices, {
  async priceOf({ sku }) {
    const price = pricesBySku.get(sku);
    if (price === undefined) throw fail(prices.methods.priceOf, 'unknown_sku', { sku });
    return { price };
  },
});
