import type { Line } from '../goods.ts';
import type { User } from '../user.ts';

/** Steps that several scenarios share. */

/** A deleteFromCart of this much empties the line, whatever it holds. */
const WHOLE_LINE = 65_535;

/** Answers whether there is anything in the cart now. */
export async function fillCart(user: User, lines: readonly Line[]): Promise<boolean> {
  let isFilled = false;
  for (const { sku, count } of lines) {
    const { result } = await user.checkout.addToCart({ user: user.id, sku, count });
    isFilled ||= result === 'ok';
  }
  return isFilled;
}

/**
 * Buys what is in the cart and answers the order. As a careful client does, it asks again with the same key when it cannot
 * know what became of the first call, and takes out of the cart what is not to be had.
 */
export async function purchaseCart(user: User, key = user.newKey()): Promise<bigint | undefined> {
  const ask = () => user.checkout.purchase({ user: user.id, idempotencyKey: key });
  let outcome = await ask();
  if (outcome.result === 'info') outcome = await ask();
  if (outcome.result === 'ok') return outcome.answer.orderID;
  if (outcome.result === 'fail' && outcome.reason === 'out_of_stock') {
    await removeFromCart(user, toSkus(outcome.details));
  }
  return undefined;
}

/** Orders straight from loms, as a call center would. */
export async function createOrder(
  user: User,
  lines: readonly Line[],
  key = user.newKey(),
): Promise<bigint | undefined> {
  const ask = () => user.loms.createOrder({ user: user.id, items: [...lines], idempotencyKey: key });
  let outcome = await ask();
  if (outcome.result === 'info') outcome = await ask();
  return outcome.result === 'ok' ? outcome.answer.orderID : undefined;
}

/** Waits for both, also when the storm is over before one of them is sent: what is under way ends in the history. */
export async function atOnce<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}

async function removeFromCart(user: User, skus: readonly number[]): Promise<void> {
  for (const sku of skus) await user.checkout.deleteFromCart({ user: user.id, sku, count: WHOLE_LINE });
}

/** The details are as the contract of out_of_stock says: the client has checked them. */
function toSkus(details: unknown): number[] {
  const { shortages } = details as { shortages: readonly { sku: number }[] };
  return shortages.map(({ sku }) => sku);
}
