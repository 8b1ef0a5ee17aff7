import type { Context, OrderReader, ShownOrder } from './ports.ts';
import { Refusal } from './refusal.ts';

/** @throws {Refusal} order_not_found */
export async function showOrder(
  orders: Pick<OrderReader, 'find'>,
  orderID: bigint,
  context: Context,
): Promise<ShownOrder> {
  const order = await orders.find(orderID, context);
  if (!order) throw new Refusal({ reason: 'order_not_found', facts: { orderID } });
  return order;
}
