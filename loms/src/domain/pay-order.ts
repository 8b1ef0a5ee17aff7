import type { Context, Store } from './ports.ts';
import { Refusal } from './refusal.ts';
import { moveOrder } from './status.ts';

/**
 * Sells the order's reserved goods. Paying a paid order again changes nothing. An overdue order that is not cancelled yet
 * can still be paid: the first of the two changes wins.
 *
 * @throws {Refusal} order_not_found, order_not_payable
 */
export function payOrder(store: Store, orderID: bigint, context: Context): Promise<void> {
  return store.transaction(async ({ orders, stocks, outbox }) => {
    // Nearly every order that is paid awaits payment, so the update comes first and finds out.
    const paid = await moveOrder(orders, orderID, 'awaiting payment', 'payed');
    if (paid) {
      await stocks.sell(orderID);
      return outbox.add([{ ...paid, cause: context }]);
    }
    const order = await orders.lock(orderID);
    if (!order) throw new Refusal({ reason: 'order_not_found', facts: { orderID } });
    if (order.status === 'payed') return;
    throw new Refusal({ reason: 'order_not_payable', facts: { status: order.status } });
  }, context);
}
