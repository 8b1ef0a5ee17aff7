import { type Call, type Client, failedWith, implement } from 'rpc-kit';
import { basket } from './basket-contract.ts';
import { prices } from './prices-contract.ts';

export function createBasketService(client: Client<typeof prices.methods>) {
  async function priceOf(sku: number, call: Call): Promise<number | undefined> {
    try {
      // Passing the call passes its deadline, cancellation, request id and trace on.
      const { price } = await client.priceOf({ sku }, call);
      return price;
    } catch (error) {
      if (failedWith(error, prices.methods.priceOf, 'unknown_sku')) return undefined;
      throw error;
    }
  }

  return implement(basket, {
    async total({ skus }, call) {
      // Calls in one turn of the event loop are sent as one batch.
      const found = await Promise.all(skus.map((sku) => priceOf(sku, call)));
      const total = found.reduce<bigint>((sum, price) => sum + BigInt(price ?? 0), 0n);
      return { total, unknown: skus.filter((_sku, index) => found[index] === undefined) };
    },
  });
}
