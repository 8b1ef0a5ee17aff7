import type { OrderStatus, Orders, StatusChange } from './ports.ts';

/**
 * The life of an order: `new` → `awaiting payment` | `failed`, which it becomes as it is created; `awaiting payment` → `payed` |
 * `cancelled`. Nothing leaves the other three.
 */
const NEXT: Partial<Record<OrderStatus, readonly OrderStatus[]>> = {
  'awaiting payment': ['payed', 'cancelled'],
};

/**
 * Moves an order one step. The order is locked from then on, until the transaction ends.
 * @returns `undefined` for an order that is unknown or not in `from`; nothing has changed then
 * @throws {Error} when there is no such step, which is a mistake in the program
 */
export async function moveOrder(
  orders: Orders,
  orderID: bigint,
  from: OrderStatus,
  to: OrderStatus,
): Promise<StatusChange | undefined> {
  if (!NEXT[from]?.includes(to)) throw new Error(`order ${orderID}: no step from ${from} to ${to}`);
  return orders.move(orderID, from, to);
}
