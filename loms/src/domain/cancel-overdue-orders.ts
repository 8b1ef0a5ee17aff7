import { runInPool } from 'worker-pool';
import type { Context, OverdueOrder, OverdueOrders, Store } from './ports.ts';
import { cancelOverdueOrder } from './settle-orders.ts';

export interface OverdueReport {
  /** An order could not be cancelled; the next round tries it again. */
  onFailure(orderID: bigint, error: unknown): void;
}

/** Orders that are listed at a time. */
const BATCH_MAX = 100;
/** Orders cancelled side by side: they hold a connection each, and callers need some too. */
const CONCURRENCY = 4;

/**
 * One round of cancelling orders that were not paid in time: it lists all overdue orders once, batch after batch. Each order
 * has a transaction of its own, so an order that cannot be cancelled does not stop the others; the next batch begins behind
 * it, so many such orders do not either. Replicas that meet at the same order do not wait for each other.
 *
 * @returns how many were cancelled
 */
export async function cancelOverdueOrders(
  overdue: Pick<OverdueOrders, 'list'>,
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
