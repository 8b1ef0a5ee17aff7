import type { Context, OrderDesk, PendingPurchase, PurchaseOutcome, Repositories, Store } from './ports.ts';
import { Refusal } from './refusal.ts';

export interface PurchaseParts {
  readonly store: Store;
  readonly orderDesk: OrderDesk;
}

export interface PurchaseRequest {
  readonly user: bigint;
  readonly idempotencyKey?: string | undefined;
}

/** A user with several concurrent purchases: after this many that came first, the call is refused with Retry-After. */
const ROUNDS_MAX = 3;

/**
 * Makes one order of the cart as it stands.
 *
 * The purchase is recorded, with the goods moved out of the cart, before loms is called with the purchase's id as the
 * idempotency key; then it is settled by the answer. So an interrupted purchase is finished later, by the user's next call or
 * in the background, and loms makes one order of it.
 *
 * @returns the order's id
 * @throws {Refusal} cart_empty; out_of_stock, with the cart as before; contended
 */
export async function purchase(parts: PurchaseParts, request: PurchaseRequest, context: Context): Promise<bigint> {
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const { found, isOurs } = await parts.store.transaction((repositories) => begin(repositories, request), context);
    const outcome = found.state === 'pending' ? await finishPurchase(parts, found, context) : found;
    if (isOurs) return toOrderID(outcome);
  }
  throw new Refusal({ reason: 'contended' });
}

/**
 * Orders a recorded purchase and settles it. Concurrent callers are safe: loms gives all of them the same answer, and the first
 * one settles.
 */
export async function finishPurchase(
  { store, orderDesk }: PurchaseParts,
  pending: PendingPurchase,
  context: Context,
): Promise<PurchaseOutcome> {
  const outcome = await orderDesk.order(pending, context);
  // Without the caller's context: once loms has answered, the cart must follow, even if the caller has left.
  await store.transaction(async ({ carts, purchases }) => {
    await carts.lock(pending.user);
    await purchases.settle(pending, outcome);
  });
  return outcome;
}

interface Begun {
  readonly found: PendingPurchase | PurchaseOutcome;
  /** False for another purchase of the user, which has to be finished first. */
  readonly isOurs: boolean;
}

async function begin({ carts, purchases }: Repositories, { user, idempotencyKey }: PurchaseRequest): Promise<Begun> {
  await carts.lock(user);
  if (idempotencyKey !== undefined) {
    const earlier = await purchases.findByKey(user, idempotencyKey);
    if (earlier) return { found: earlier, isOurs: true };
  }
  const pending = await purchases.findPending(user);
  // A call without a key counts as a retry of the pending purchase.
  if (pending) return { found: pending, isOurs: idempotencyKey === undefined };
  return { found: (await purchases.begin(user, idempotencyKey)) ?? { state: 'cart empty' }, isOurs: true };
}

function toOrderID(outcome: PurchaseOutcome): bigint {
  switch (outcome.state) {
    case 'ordered':
      return outcome.orderID;
    case 'out of stock':
      throw new Refusal({ reason: 'out_of_stock', facts: { orderID: outcome.orderID, shortages: outcome.shortages } });
    case 'cart empty':
      throw new Refusal({ reason: 'cart_empty' });
    case 'rejected':
      // Only a mistake in checkout explains it, so the caller gets an internal error.
      throw new Error('loms rejected the order of a purchase');
  }
}
