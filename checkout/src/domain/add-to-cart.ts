import type { CartLine, Context, Store, Warehouse } from './ports.ts';
import { Refusal } from './refusal.ts';

export interface CartLimits {
  readonly linesMax: number;
  readonly countMax: number;
}

/**
 * Adds goods to a cart if the stock covers the whole line. Nothing is reserved, so a purchase may still find less.
 *
 * @throws {Refusal} insufficient_stock, cart_full
 */
export async function addToCart(
  { store, warehouse, limits }: { store: Store; warehouse: Warehouse; limits: CartLimits },
  user: bigint,
  line: CartLine,
  context: Context,
): Promise<void> {
  // Before the transaction, because no transaction may be open during a remote call.
  const available = await warehouse.onSale(line.sku, context);
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
