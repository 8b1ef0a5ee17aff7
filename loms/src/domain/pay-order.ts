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
    // Nearly every order that is payed awaits it, so that is tried first, and what else it is asked afterwards.
    const payed = await moveOrder(orders, orderID, 'awaiting payment', 'payed');
    if (payed) {
      await stocks.sell(orderID);
      return outbox.add([payed]);
    }
    const order = await orders.lock(orderID);
    if (!order) throw new OrderNotFound(orderID);
    if (order.status !== 'payed') throw new OrderNotPayable(order.status);
  }, context);
}
