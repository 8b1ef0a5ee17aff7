import type { Line } from '../goods.ts';
import type { User } from '../user.ts';

/** A deleteFromCart with this count removes the whole line. */
const WHOLE_LINE = 65_535;

/** Resolves to whether the cart has goods now. */
export async function fillCart(user: User, lines: readonly Line[]): Promise<boolean> {
  let isFilled = false;
  for (const { sku, count } of lines) {
    const { result } = await user.checkout.addToCart({ user: user.id, sku, count });
    isFilled ||= result === 'ok';
  }
  return isFilled;
}

/**
 * Buys the cart and resolves to the order. As a careful client does, it repeats a call with unknown outcome with the same
 * key, and removes goods that are out of stock from the cart.
 */
export async function purchaseCart(user: User, key = user.newKey()): Promise<bigint | undefined> {
  const call = () => user.checkout.purchase({ user: user.id, idempotencyKey: key });
  let outcome = await call();
  if (outcome.result === 'info') outcome = await call();
  if (outcome.result === 'ok') return outcome.answer.orderID;
  if (outcome.result === 'fail' && outcome.reason === 'out_of_stock') {
    await removeFromCart(user, toSkus(outcome.details));
  }
  return undefined;
}

/** Orders directly from loms, as a call center would. */
export async function createOrder(
  user: User,
  lines: readonly Line[],
  key = user.newKey(),
): Promise<bigint | undefined> {
  const call = () => user.loms.createOrder({ user: user.id, items: [...lines], idempotencyKey: key });
  let outcome = await call();
  if (outcome.result === 'info') outcome = await call();
  return outcome.result === 'ok' ? outcome.answer.orderID : undefined;
}

/** A customer who waits longer for a page has left; the contract would allow 15 s. */
const LIST_TIMEOUT_MS = 2_000;

export async function viewCart(user: User): Promise<void> {
  await user.checkout.listCart({ user: user.id }, { timeoutMs: LIST_TIMEOUT_MS });
}

async function removeFromCart(user: User, skus: readonly number[]): Promise<void> {
  for (const sku of skus) await user.checkout.deleteFromCart({ user: user.id, sku, count: WHOLE_LINE });
}

/** The client has validated the details against the contract of out_of_stock. */
function toSkus(details: unknown): number[] {
  const { shortages } = details as { shortages: readonly { sku: number }[] };
  return shortages.map(({ sku }) => sku);
}
