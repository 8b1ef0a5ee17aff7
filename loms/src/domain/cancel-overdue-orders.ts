import { runInPool } from 'worker-pool';
import { cancelOverdueOrder } from './cancel-order.ts';
import type { Context, OverdueOrder, OverdueOrders, Store } from './ports.ts';

export interface OverdueReport {
  /** Told about an order that could not be cancelled; it is tried again in the next round. */
  onFailure(orderID: bigint, error: unknown): void;
}

/** Orders that are read at a time. */
const BATCH_MAX = 100;
/** Orders cancelled side by side: they hold a connection each, and callers need some too. */
const CONCURRENCY = 4;

/**
 * One round of cancelling orders that were not payed in time: all that are overdue are looked at once, batch after batch.
 * Every order has a transaction of its own, so that one that cannot be cancelled does not stop the others, and the next
 * batch begins behind it, so that many of them do not either. Replicas that look at the same order do not wait for each other.
 *
 * @returns how many were cancelled
 */
export async function cancelOverdueOrders(
  overdue: OverdueOrders,
  store: Store,
  report: OverdueReport,
  context: Context,
): Promise<number> {
  const tryToCancel = async ({ orderID }: OverdueOrder, signal: AbortSignal): Promise<boolean> => {
    try {
      return await cancelOverdueOrder(store, orderID, { ...context, signal });
    } catch (error) {
      report.onFailure(orderID, error);
      return false;
    }
  };
  let cancelled = 0;
  let last: OverdueOrder | undefined;
  do {
    const batch = await overdue.list(BATCH_MAX, last, context);
    const outcomes = await runInPool(batch, tryToCancel, { concurrency: CONCURRENCY, signal: context.signal });
    cancelled += outcomes.filter(Boolean).length;
    last = batch.length === BATCH_MAX ? batch.at(-1) : undefined;
  } while (last);
  return cancelled;
}
