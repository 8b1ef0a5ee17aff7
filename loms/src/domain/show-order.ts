import { OrderNotFound } from './errors.ts';
import type { Item, Order, OrderReader } from './ports.ts';

/** @throws {OrderNotFound} */
export async function showOrder(
  orders: OrderReader,
  orderID: bigint,
): Promise<Order & { readonly items: readonly Item[] }> {
  const order = await orders.find(orderID);
  if (!order) throw new OrderNotFound(orderID);
  return order;
}
