import { OrderNotFound } from './errors.ts';
import type { Context, Item, Order, OrderReader } from './ports.ts';

/** @throws {OrderNotFound} */
export async function showOrder(
  orders: OrderReader,
  orderID: bigint,
  context: Context,
): Promise<Order & { readonly items: readonly Item[] }> {
  const order = await orders.find(orderID, context);
  if (!order) throw new OrderNotFound(orderID);
  return order;
}
