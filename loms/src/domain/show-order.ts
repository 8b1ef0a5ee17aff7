import type { Context, Item, Order, OrderReader } from './ports.ts';
import { Refusal } from './refusal.ts';

/** @throws {Refusal} order_not_found */
export async function showOrder(
  orders: OrderReader,
  orderID: bigint,
  context: Context,
): Promise<Order & { readonly items: readonly Item[] }> {
  const order = await orders.find(orderID, context);
  if (!order) throw new Refusal({ reason: 'order_not_found', facts: { orderID } });
  return order;
}
