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

/** A user who buys with several keys at once gets this far through them before being told to come again. */
const ROUNDS_MAX = 3;

/**
 * Makes one order of the cart as it stands.
 *
 * The purchase is recorded, with its goods moved out of the cart, before loms is asked; loms is asked with the purchase's
 * id as the idempotency key; and the purchase is settled by its answer. So whatever is cut off anywhere, the same purchase
 * is finished later, by the user's next call or in the background, and loms makes one order of it.
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
 * Asks loms for the order of a recorded purchase and settles it. Any number of callers may do this at the same time: loms
 * answers all of them the same, and the first one settles.
 */
export async function finishPurchase(
  { store, orderDesk }: PurchaseParts,
  pending: PendingPurchase,
  context: Context,
): Promise<PurchaseOutcome> {
  const outcome = await orderDesk.order(pending, context);
  // Once loms has answered, the cart has to follow, also when the caller has left meanwhile.
  await store.transaction(async ({ carts, purchases }) => {
    await carts.lock(pending.user);
    await purchases.settle(pending, outcome);
  });
  return outcome;
}

interface Begun {
  readonly found: PendingPurchase | PurchaseOutcome;
  /** False for another purchase of the user, which has to be out of the way first. */
  readonly isOurs: boolean;
}

async function begin({ carts, purchases }: Repositories, { user, idempotencyKey }: PurchaseRequest): Promise<Begun> {
  await carts.lock(user);
  if (idempotencyKey !== undefined) {
    const earlier = await purchases.findByKey(user, idempotencyKey);
    if (earlier) return { found: earlier, isOurs: true };
  }
  const pending = await purchases.findPending(user);
  // Without a key, a call while a purchase is unfinished can only be its repetition.
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
