import type { Order, OrderStatus, Orders, StatusChange } from './ports.ts';

/**
 * The life of an order: `new` → `awaiting payment` | `failed`; `awaiting payment` → `payed` | `cancelled`.
 * Nothing leaves the other three.
 */
const NEXT: Record<OrderStatus, readonly OrderStatus[]> = {
  new: ['awaiting payment', 'failed'],
  'awaiting payment': ['payed', 'cancelled'],
  failed: [],
  payed: [],
  cancelled: [],
};

/**
 * Takes a locked order one step further.
 * @throws {Error} when there is no such step, or the order was not locked: both are mistakes in the program
 */
export async function moveOrder(orders: Orders, order: Order, to: OrderStatus): Promise<StatusChange> {
  const { orderID, status: from } = order;
  if (!NEXT[from].includes(to)) throw new Error(`order ${orderID}: no step from ${from} to ${to}`);
  const change = await orders.move(orderID, from, to);
  if (!change) throw new Error(`order ${orderID}: no longer ${from}`);
  return change;
}
