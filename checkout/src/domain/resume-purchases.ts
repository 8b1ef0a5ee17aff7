import { runInPool } from 'worker-pool';
import type { Context, UnfinishedPurchases } from './ports.ts';
import { finishPurchase, type PurchaseParts } from './purchase.ts';

export interface ResumeReport {
  /** Called for a purchase that could not be finished; it is retried later. */
  onFailure(purchaseID: string, error: unknown): void;
}

/** Purchases claimed in one round, and processed concurrently. */
export const RESUME_BATCH_MAX = 20;
const CONCURRENCY = 4;

/**
 * One round of finishing interrupted purchases without a call of their users.
 * @returns how many were claimed
 */
export async function resumePurchases(
  unfinished: UnfinishedPurchases,
  parts: PurchaseParts,
  report: ResumeReport,
  context: Context,
): Promise<number> {
  const purchases = await unfinished.claim(RESUME_BATCH_MAX, context);
  await runInPool(
    purchases,
    async (pending, signal) => {
      try {
        await finishPurchase(parts, pending, { ...context, ...pending.origin, signal });
      } catch (error) {
        report.onFailure(pending.purchaseID, error);
      }
    },
    { concurrency: CONCURRENCY, signal: context.signal },
  );
  return purchases.length;
}
