import { runInPool } from 'worker-pool';
import type { Context, UnfinishedPurchases } from './ports.ts';
import { finishPurchase, type PurchaseParts } from './purchase.ts';

export interface ResumeReport {
  /** Told about a purchase that could not be finished; it is taken up again later. */
  onFailure(purchaseID: string, error: unknown): void;
}

/** Purchases taken up in one round, and side by side. */
export const RESUME_BATCH_MAX = 20;
const CONCURRENCY = 4;

/**
 * One round of finishing purchases that were cut off, without another call of their users.
 * @returns how many were taken up
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
