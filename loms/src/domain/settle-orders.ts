import type { Context, Order, Repositories, Settled, Store } from './ports.ts';
import { Refusal } from './refusal.ts';

/** A call to pay or cancel one order. */
export interface SettleCall {
  readonly orderID: bigint;
  readonly context: Context;
}

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
  const orders = await store.transaction((repositories) => settle(repositories, to, calls), context);
  const statuses = new Map(orders.map(({ orderID, status }) => [orderID, status]));
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
  return store.transaction(async (repositories) => {
    const order = await repositories.orders.lockOverdue(orderID);
    if (!order) return false;
    await settle(repositories, 'cancelled', [{ orderID, context }]);
    return true;
  }, context);
}

/** Nearly every order that is settled awaits payment, so the update comes first; only the others are read. */
async function settle(
  { orders, outbox }: Repositories,
  to: Settled,
  calls: readonly SettleCall[],
): Promise<readonly Order[]> {
  const causes = new Map(calls.map(({ orderID, context }) => [orderID, context]));
  const changes = await orders.settle([...causes.keys()], to);
  await outbox.add(changes.map((change) => ({ ...change, cause: causes.get(change.orderID) as Context })));
  for (const { orderID } of changes) causes.delete(orderID);
  return causes.size === 0 ? changes : [...changes, ...(await orders.find([...causes.keys()]))];
}
