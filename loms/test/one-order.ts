import { createOrders, type OrderRequest, toOrderCall } from '../src/domain/create-orders.ts';
import type { Context, Settled, Store } from '../src/domain/ports.ts';
import { settleOrders } from '../src/domain/settle-orders.ts';

/** Creates one order in a transaction of its own. */
export async function createOrder(store: Store, request: OrderRequest, context: Context): Promise<bigint> {
  const [answer] = await createOrders(store, [toOrderCall(request, context)], context);
  if (typeof answer !== 'bigint') throw answer;
  return answer;
}

/** Pays or cancels one order in a transaction of its own. */
export async function settleOrder(store: Store, to: Settled, orderID: bigint, context: Context): Promise<void> {
  const [refusal] = await settleOrders(store, to, [{ orderID, context }], context);
  if (refusal) throw refusal;
}
