import { fail, implement } from 'rpc-kit';
import { createOperations, serveUntilStopped } from './operations.ts';
import { prices } from './prices-contract.ts';

const pricesBySku = new Map([
  [7, 199],
  [8, 2_499],
]);

const operations = createOperations('prices');
const service = implement(
  prices,
  {
    async priceOf({ sku }) {
      const price = pricesBySku.get(sku);
      if (price === undefined) throw fail(prices.methods.priceOf, 'unknown_sku', { sku });
      return { price };
    },
  },
  operations,
);
await serveUntilStopped(service, operations);
