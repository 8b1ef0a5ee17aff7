import { OrderNotCancellable, OrderNotFound } from './errors.ts';
import type { Context, Order, Repositories, Store } from './ports.ts';
import { moveOrder } from './status.ts';

/**
 * Puts the order's reserved goods back on sale. Cancelling a cancelled order again changes nothing.
 *
 * @throws {OrderNotFound}
 * @throws {OrderNotCancellable}
 */
export function cancelOrder(store: Store, orderID: bigint, context: Context): Promise<void> {
  return store.transaction(async (repositories) => {
    const order = await repositories.orders.lock(orderID);
    if (!order) throw new OrderNotFound(orderID);
    if (order.status === 'cancelled') return;
    if (order.status !== 'awaiting payment') throw new OrderNotCancellable(order.status);
    await cancelLocked(repositories, order);
  }, context);
}

/**
 * Cancels the order if it still awaits payment beyond its time. Where somebody else has it in hand, pays it or cancels
 * it just now, nothing happens: it is looked at again in the next round.
 *
 * @returns whether it was cancelled
 */
export function cancelOverdueOrder(store: Store, orderID: bigint, context: Context): Promise<boolean> {
  return store.transaction(async (repositories) => {
    const order = await repositories.orders.lockOverdue(orderID);
    if (order) await cancelLocked(repositories, order);
    return order !== undefined;
  }, context);
}

async function cancelLocked({ orders, stocks, outbox }: Repositories, order: Order): Promise<void> {
  await stocks.release(order.orderID);
  await outbox.add([await moveOrder(orders, order, 'cancelled')]);
}
