import type { CartLine, Context, ProductStates, Store, Warehouse } from './ports.ts';
import { Refusal } from './refusal.ts';

export interface CartLimits {
  readonly linesMax: number;
  readonly countMax: number;
}

interface AddToCartPorts {
  readonly store: Store;
  readonly warehouse: Warehouse;
  readonly states: ProductStates;
}

/**
 * Adds goods to a cart if their product is not archived and the stock covers the whole line. Nothing is reserved, so a purchase
 * may still find less.
 *
 * @throws {Refusal} product_archived, insufficient_stock, cart_full
 */
export async function addToCart(
  { store, warehouse, states, limits }: AddToCartPorts & { limits: CartLimits },
  user: bigint,
  line: CartLine,
  context: Context,
): Promise<void> {
  // Before the transaction, because no transaction may be open during a remote call.
  const [available, { archived }] = await Promise.all([
    warehouse.onSale(line.sku, context),
    states.product(line.sku, context),
  ]);
  if (archived) throw new Refusal({ reason: 'product_archived', facts: { sku: line.sku } });
  await store.transaction(async ({ carts }) => {
    await carts.lock(user);
    const lines = await carts.lines(user);
    const present = lines.find(({ sku }) => sku === line.sku);
    const requested = (present?.count ?? 0) + line.count;
    if (BigInt(requested) > available) {
      throw new Refusal({ reason: 'insufficient_stock', facts: { sku: line.sku, requested, available } });
    }
    const isFull = present ? requested > limits.countMax : lines.length >= limits.linesMax;
    if (isFull) throw new Refusal({ reason: 'cart_full', facts: limits });
    await carts.add(user, line);
  }, context);
}
