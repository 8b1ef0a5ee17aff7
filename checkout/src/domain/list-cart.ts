import { runInPool } from 'worker-pool';
import type { CartLine, CartReader, Context, Product, ProductCatalogue } from './ports.ts';

/** A cart with the current names and prices. */
export interface PricedCart {
  readonly items: readonly (CartLine & Product)[];
  readonly totalPrice: bigint;
}

/** Concurrent requests of one call to the product service. */
const PRODUCT_REQUESTS_MAX = 5;

/**
 * Fetches names and prices from the product service, a few at a time. The first failure cancels the other requests and fails
 * the call: there is no partial cart.
 *
 * @throws {Refusal} product_not_found
 */
export async function listCart(
  { carts, catalogue }: { carts: CartReader; catalogue: ProductCatalogue },
  user: bigint,
  context: Context,
): Promise<PricedCart> {
  const lines = await carts.lines(user, context);
  const items = await runInPool(
    lines,
    async (line, signal) => ({ ...line, ...(await catalogue.product(line.sku, { ...context, signal })) }),
    { concurrency: PRODUCT_REQUESTS_MAX, signal: context.signal },
  );
  // A hundred lines at the highest price exceed the exact integers of a double.
  const totalPrice = items.reduce((sum, { price, count }) => sum + BigInt(price) * BigInt(count), 0n);
  return { items, totalPrice };
}
