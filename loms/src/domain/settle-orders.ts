import type { Context, SettleCall, Settled, Store } from './ports.ts';
import { Refusal } from './refusal.ts';

const REASONS = { payed: 'order_not_payable', cancelled: 'order_not_cancellable' } as const;

/**
 * Pays or cancels orders that await payment, in one transaction: sells their goods, or puts them back on sale. Settling an order
 * again in the same way changes nothing. An overdue order that is not cancelled yet can still be paid: the first of the two changes
 * wins.
 *
 * @param calls for different orders
 * @returns for each call nothing, or why it is refused: order_not_found, order_not_payable, order_not_cancellable
 */
export async function settleOrders(
  store: Store,
  to: Settled,
  calls: readonly SettleCall[],
  context: Context,
): Promise<(Refusal | undefined)[]> {
  const changes = await store.transaction(({ orders }) => orders.settle(calls, to), context);
  const statuses = new Map(changes.map(({ orderID, status }) => [orderID, status]));
  const others = calls.flatMap(({ orderID }) => (statuses.has(orderID) ? [] : [orderID]));
  // Nearly every order that is settled awaits payment; only the others are read.
  const found = others.length > 0 ? await store.transaction(({ orders }) => orders.find(others), context) : [];
  for (const { orderID, status } of found) statuses.set(orderID, status);
  return calls.map(({ orderID }) => {
    const status = statuses.get(orderID);
    if (status === to) return undefined;
    if (status === undefined) return new Refusal({ reason: 'order_not_found', facts: { orderID } });
    return new Refusal({ reason: REASONS[to], facts: { status } });
  });
}

/**
 * Cancels the order if it still awaits payment beyond its time. An order that another transaction has locked is skipped; the
 * next round tries it again.
 *
 * @returns whether it was cancelled
 */
export function cancelOverdueOrder(store: Store, orderID: bigint, context: Context): Promise<boolean> {
  return store.transaction(async ({ orders }) => {
    const order = await orders.lockOverdue(orderID);
    if (!order) return false;
    await orders.settle([{ orderID, context }], 'cancelled');
    return true;
  }, context);
}
