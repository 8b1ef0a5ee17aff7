import type { CartLine, Context, Store } from './ports.ts';

/** Removes goods from a cart, at most as many as it holds. */
export function deleteFromCart(store: Store, user: bigint, line: CartLine, context: Context): Promise<void> {
  return store.transaction(async ({ carts }) => {
    await carts.lock(user);
    await carts.remove(user, line);
  }, context);
}
