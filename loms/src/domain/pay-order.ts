import { OrderNotFound, OrderNotPayable } from './errors.ts';
import type { Context, Store } from './ports.ts';
import { moveOrder } from './status.ts';

/**
 * Sells the order's reserved goods. Paying a payed order again changes nothing.
 *
 * An order whose time is over but that nobody has cancelled yet can still be payed: what counts is who comes first.
 * @throws {OrderNotFound}
 * @throws {OrderNotPayable}
 */
export function payOrder(store: Store, orderID: bigint, context: Context): Promise<void> {
  return store.transaction(async ({ orders, stocks, outbox }) => {
    const order = await orders.lock(orderID);
    if (!order) throw new OrderNotFound(orderID);
    if (order.status === 'payed') return;
    if (order.status !== 'awaiting payment') throw new OrderNotPayable(order.status);
    await stocks.sell(orderID);
    await outbox.add([await moveOrder(orders, order, 'payed')]);
  }, context);
}
