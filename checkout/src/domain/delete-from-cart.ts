import type { CartLine, Context, Store } from './ports.ts';

/** Takes goods out of a cart, as much as there is of what is asked. */
export function deleteFromCart(store: Store, user: bigint, line: CartLine, context: Context): Promise<void> {
  return store.transaction(async ({ carts }) => {
    await carts.lock(user);
    await carts.remove(user, line);
  }, context);
}
