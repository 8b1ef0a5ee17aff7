import { runInPool } from 'worker-pool';
import { cancelOverdueOrder } from './cancel-order.ts';
import type { Context, OverdueOrders, Store } from './ports.ts';

export interface OverdueReport {
  /** Told about an order that could not be cancelled; it is tried again in the next round. */
  onFailure(orderID: bigint, error: unknown): void;
}

/** One round looks at this many. */
const BATCH_MAX = 100;
/** Orders cancelled side by side: they hold a connection each, and callers need some too. */
const CONCURRENCY = 4;

/**
 * One round of cancelling orders that were not payed in time. Every order has a transaction of its own, so that one that
 * cannot be cancelled does not stop the others; replicas that look at the same order do not wait for each other.
 *
 * @returns how many were cancelled
 */
export async function cancelOverdueOrders(
  overdue: OverdueOrders,
  store: Store,
  report: OverdueReport,
  context: Context,
): Promise<number> {
  const orderIDs = await overdue.list(BATCH_MAX, context);
  const cancelled = await runInPool(
    orderIDs,
    async (orderID, signal) => {
      try {
        return await cancelOverdueOrder(store, orderID, { ...context, signal });
      } catch (error) {
        report.onFailure(orderID, error);
        return false;
      }
    },
    { concurrency: CONCURRENCY, signal: context.signal },
  );
  return cancelled.filter(Boolean).length;
}
