import { setTimeout as pause } from 'node:timers/promises';
import { openSnapshot, type Query, type Row } from './snapshot.ts';

/** What was ever put into a warehouse is on sale, reserved or sold; nothing is below nought. */
export const STOCK_AMISS = `
  SELECT sku, warehouse_id, supplied, on_sale, reserved, sold FROM stocks
  WHERE supplied <> on_sale + reserved + sold OR least(supplied, on_sale, reserved, sold) < 0`;

/** What stocks count as reserved are the reservations. */
export const RESERVED_AMISS = `
  SELECT sku, warehouse_id, reserved, held
  FROM stocks
  FULL JOIN (SELECT sku, warehouse_id, sum(count) AS held FROM reservations GROUP BY sku, warehouse_id) holds
    USING (sku, warehouse_id)
  WHERE coalesce(reserved, 0) <> coalesce(held, 0)`;

/** What was seen of the stock in snapshots taken one after the other. */
export interface StockWatch {
  readonly snapshots: number;
  /** How often the stock was another than in the snapshot before: in stock at rest there is nothing to see. */
  readonly moves: number;
  readonly violations: readonly Row[];
}

export interface StockWatcher extends StockWatch {
  /** One snapshot more. */
  look(query: Query): Promise<void>;
}

/** One broken snapshot says it all; a rule that is broken throughout must not fill the memory. */
const VIOLATIONS_MAX = 100;
/** Often enough to meet transactions under way, seldom enough not to be load of its own. */
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
    async look(query) {
      const [state] = await query(FINGERPRINT);
      if (snapshots > 0 && state?.state !== last) moves += 1;
      last = state?.state;
      snapshots += 1;
      for (const text of [STOCK_AMISS, RESERVED_AMISS]) {
        if (violations.length < VIOLATIONS_MAX) violations.push(...(await query(text)));
      }
    },
  };
}

/**
 * Looks at the stock of loms in snapshot after snapshot until the signal ends it. For S4, while load runs. A look that
 * fails because the database is away, as it may be under faults, is left out.
 */
export async function watchStock(lomsUrl: string, { signal }: { signal: AbortSignal }): Promise<StockWatch> {
  const watcher = createStockWatcher();
  while (!signal.aborted) {
    try {
      await using snapshot = await openSnapshot(lomsUrl);
      await watcher.look(snapshot.query);
    } catch (error) {
      if (isOurMistake(error)) throw error;
    }
    await pause(INTERVAL_MS, undefined, { signal }).catch(() => {});
  }
  return watcher;
}

/** Class 42: a table is missing, or may not be read (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
function isOurMistake(error: unknown): boolean {
  return String((error as { code?: string }).code).startsWith('42');
}
