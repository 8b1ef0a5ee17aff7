import { runInPool } from 'worker-pool';
import type { CartLine, CartReader, Context, Product, ProductCatalogue } from './ports.ts';

/** A cart with what its goods are called and cost now. */
export interface PricedCart {
  readonly items: readonly (CartLine & Product)[];
  readonly totalPrice: bigint;
}

/** Requests to the product service that one call has under way at a time. */
const PRODUCT_REQUESTS_MAX = 5;

/**
 * Names and prices come from the product service, a few at a time. When one product cannot be had, the others are not
 * waited for and the call fails: there is no partial cart.
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
  // A hundred lines of the dearest goods add up to more than a double counts exactly.
  const totalPrice = items.reduce((sum, { price, count }) => sum + BigInt(price) * BigInt(count), 0n);
  return { items, totalPrice };
}
