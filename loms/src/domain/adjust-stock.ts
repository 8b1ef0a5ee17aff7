import type { Adjustment, AdjustmentOutcome, Context, Repositories, Stocks, Store } from './ports.ts';
import { Refusal } from './refusal.ts';

/** What is supplied in all: uint64. What is on sale is never more. */
const SUPPLIED_MAX = 2n ** 64n - 1n;

/**
 * Puts goods that came in on sale, or writes off goods that are on sale.
 *
 * @returns what is on sale of the sku in the warehouse afterwards
 * @throws {Refusal} insufficient_stock when fewer goods are on sale than are to be written off; stock_too_large beyond uint64;
 * idempotency_conflict when the key came with another body before
 */
export async function adjustStock(store: Store, adjustment: Adjustment, context: Context): Promise<bigint> {
  const { onSale, refusal } = await store.transaction((repositories) => adjustOnce(repositories, adjustment), context);
  if (refusal === undefined) return onSale;
  const { sku, warehouseID } = adjustment;
  throw new Refusal({ reason: refusal, facts: { sku, warehouseID, onSale } });
}

async function adjustOnce({ stocks, adjustments }: Repositories, adjustment: Adjustment): Promise<AdjustmentOutcome> {
  const claim = await adjustments.claim(adjustment);
  if (claim === 'other body') throw new Refusal({ reason: 'idempotency_conflict' });
  if (claim !== 'claimed') return claim;
  const outcome = await adjust(stocks, adjustment);
  await adjustments.settle(adjustment, outcome);
  return outcome;
}

async function adjust(stocks: Stocks, { sku, warehouseID, delta }: Adjustment): Promise<AdjustmentOutcome> {
  const place = { sku, warehouseID };
  if (delta > 0n) await stocks.create(place);
  const { supplied, onSale } = (await stocks.lock(place)) ?? { supplied: 0n, onSale: 0n };
  if (onSale + delta < 0n) return { onSale, refusal: 'insufficient_stock' };
  if (supplied + delta > SUPPLIED_MAX) return { onSale, refusal: 'stock_too_large' };
  await stocks.supply(place, delta);
  return { onSale: onSale + delta };
}
