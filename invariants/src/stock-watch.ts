import { setTimeout as pause } from 'node:timers/promises';
import { openSnapshot, type Query, type Row } from './snapshot.ts';

/** All goods that the catalogue loaded or an adjustment brought are on sale, reserved or sold; no count is negative. */
export const STOCK_VIOLATIONS = `
  SELECT sku, warehouse_id, initial, adjusted, supplied, on_sale, reserved, sold
  FROM stocks
  LEFT JOIN (
    SELECT sku, warehouse_id, sum(delta) AS adjusted FROM stock_adjustments WHERE refusal IS NULL
    GROUP BY sku, warehouse_id
  ) adjustments USING (sku, warehouse_id)
  WHERE initial + coalesce(adjusted, 0) <> on_sale + reserved + sold OR supplied <> on_sale + reserved + sold
    OR least(initial, supplied, on_sale, reserved, sold) < 0`;

/** The reserved counter is the sum of the reservations. */
export const RESERVED_VIOLATIONS = `
  SELECT sku, warehouse_id, reserved, held
  FROM stocks
  FULL JOIN (SELECT sku, warehouse_id, sum(count) AS held FROM reservations GROUP BY sku, warehouse_id) holds
    USING (sku, warehouse_id)
  WHERE coalesce(reserved, 0) <> coalesce(held, 0)`;

/** Checks of the stock in successive snapshots. */
export interface StockWatch {
  readonly snapshots: number;
  /** How often the stock differed from the snapshot before: a check of unchanged stock shows nothing. */
  readonly moves: number;
  readonly violations: readonly Row[];
}

export interface StockWatcher extends StockWatch {
  /** Checks one more snapshot. */
  take(query: Query): Promise<void>;
}

/** Bounds the memory when every snapshot is broken. */
const VIOLATIONS_MAX = 100;
/** Short enough to see open transactions, long enough to add little load. */
const INTERVAL_MS = 100;

const FINGERPRINT = `
  SELECT md5(string_agg(concat_ws('/', sku, warehouse_id, on_sale, reserved, sold), ' ' ORDER BY sku, warehouse_id)) AS state
  FROM stocks`;

export function createStockWatcher(): StockWatcher {
  const violations: Row[] = [];
  let [snapshots, moves] = [0, 0];
  let last: unknown;
  return {
    get snapshots() {
      return snapshots;
    },
    get moves() {
      return moves;
    },
    violations,
    async take(query) {
      const [state] = await query(FINGERPRINT);
      if (snapshots > 0 && state?.state !== last) moves += 1;
      last = state?.state;
      snapshots += 1;
      for (const text of [STOCK_VIOLATIONS, RESERVED_VIOLATIONS]) {
        if (violations.length < VIOLATIONS_MAX) violations.push(...(await query(text)));
      }
    },
  };
}

/**
 * For S4: checks the stock of loms in successive snapshots under load, until the signal aborts. Snapshots that fail because
 * the database is down, as faults may cause, are left out.
 */
export async function watchStock(lomsUrl: string, { signal }: { signal: AbortSignal }): Promise<StockWatch> {
  const watcher = createStockWatcher();
  while (!signal.aborted) {
    try {
      await using snapshot = await openSnapshot(lomsUrl);
      await watcher.take(snapshot.query);
    } catch (error) {
      if (isSchemaError(error)) throw error;
    }
    await pause(INTERVAL_MS, undefined, { signal }).catch(() => {});
  }
  return watcher;
}

/** Class 42: a table is missing, or may not be read (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
function isSchemaError(error: unknown): boolean {
  return String((error as { code?: string }).code).startsWith('42');
}
