import { type Call, failedWith, implement } from 'rpc-kit';
import { basket } from './basket-contract.ts';
import { createOperations, serveUntilStopped } from './operations.ts';
import { openPrices } from './prices-client.ts';
import { prices } from './prices-contract.ts';
import { settings } from './settings.ts';

const operations = createOperations('basket');
await using toPrices = openPrices(settings.PRICES_URLS, operations);

async function priceOf(sku: number, call: Call): Promise<number | undefined> {
  try {
    const { price } = await toPrices.client.priceOf({ sku }, call);
    return price;
  } catch (error) {
    if (failedWith(error, prices.methods.priceOf, 'unknown_sku')) return undefined;
    throw error;
  }
}

const service = implement(
  basket,
  {
    async total({ skus }, call) {
      const found = await Promise.all(skus.map((sku) => priceOf(sku, call)));
      const total = found.reduce<bigint>((sum, price) => sum + BigInt(price ?? 0), 0n);
      return { total, unknown: skus.filter((_sku, index) => found[index] === undefined) };
    },
  },
  operations,
);
await serveUntilStopped(service, operations);
