import type { Context, Repositories, Store } from './ports.ts';
import { Refusal } from './refusal.ts';
import { moveOrder } from './status.ts';

/**
 * Puts the order's reserved goods back on sale. Cancelling a cancelled order again changes nothing.
 *
 * @throws {Refusal} order_not_found, order_not_cancellable
 */
export function cancelOrder(store: Store, orderID: bigint, context: Context): Promise<void> {
  return store.transaction(async (repositories) => {
    if (await cancel(repositories, orderID, context)) return;
    const order = await repositories.orders.lock(orderID);
    if (!order) throw new Refusal({ reason: 'order_not_found', facts: { orderID } });
    if (order.status === 'cancelled') return;
    throw new Refusal({ reason: 'order_not_cancellable', facts: { status: order.status } });
  }, context);
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
    return order !== undefined && cancel(repositories, orderID, context);
  }, context);
}

/** @returns whether the order awaited payment, and so could be cancelled */
async function cancel({ orders, stocks, outbox }: Repositories, orderID: bigint, cause: Context): Promise<boolean> {
  const cancelled = await moveOrder(orders, orderID, 'awaiting payment', 'cancelled');
  if (!cancelled) return false;
  await stocks.release(orderID);
  await outbox.add([{ ...cancelled, cause }]);
  return true;
}
