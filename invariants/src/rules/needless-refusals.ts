import type { Query, Row } from '../snapshot.ts';

/** The stock that orders took (negative), that cancelled orders returned, and that was adjusted, by sku and time. */
const STOCK_MOVES = `
  SELECT sku, changed_at AS at, CASE history.status WHEN 'cancelled' THEN count ELSE -count END::numeric AS moved
  FROM order_status_history history JOIN order_items USING (order_id)
  WHERE history.status IN ('awaiting payment', 'cancelled')
  UNION ALL
  SELECT sku, at, delta FROM stock_adjustments WHERE refusal IS NULL
  ORDER BY sku, at`;

/** The lines of failed orders, with the initial stock of their skus. */
const REFUSED_LINES = `
  SELECT order_id, sku, count, changed_at AS at, coalesce(initial, 0) AS initial
  FROM orders
  JOIN order_status_history history USING (order_id)
  JOIN order_items USING (order_id)
  LEFT JOIN (SELECT sku, sum(initial) AS initial FROM stocks GROUP BY sku) shelves USING (sku)
  WHERE history.status = 'failed'
  ORDER BY order_id, sku`;

/**
 * An order reads the stock before the time of its failure, and sees the goods of a cancelled order only after that commit,
 * later than its history says. No transaction is open for longer than 5 s, so goods available for twice as long count.
 */
const AVAILABLE_MS = 10_000;

interface Move {
  readonly atMs: number;
  /** Of this move and all before. */
  readonly sum: bigint;
}

/** Failed orders whose goods were all on sale during the whole time in which the order may have read the stock. */
export async function findNeedlessRefusals(loms: Query): Promise<Row[]> {
  const moves = await movesBySku(loms);
  const needless = new Map<bigint, Row[]>();
  const needed = new Set<bigint>();
  for (const row of await loms(REFUSED_LINES)) {
    const line = row as { order_id: bigint; sku: bigint; count: number; at: Date; initial: bigint };
    const least = line.initial + leastSum(moves.get(line.sku) ?? [], line.at.getTime());
    if (least < BigInt(line.count)) needed.add(line.order_id);
    else needless.set(line.order_id, [...(needless.get(line.order_id) ?? []), { ...row, on_sale: least }]);
  }
  return [...needless].filter(([order]) => !needed.has(order)).flatMap(([, rows]) => rows);
}

async function movesBySku(loms: Query): Promise<Map<bigint, Move[]>> {
  const bySku = new Map<bigint, Move[]>();
  for (const row of await loms(STOCK_MOVES)) {
    const { sku, at, moved } = row as { sku: bigint; at: Date; moved: bigint };
    const moves = bySku.get(sku) ?? [];
    if (moves.length === 0) bySku.set(sku, moves);
    moves.push({ atMs: at.getTime(), sum: (moves.at(-1)?.sum ?? 0n) + moved });
  }
  return bySku;
}

/** The lowest sum of the moves in the interval before the time. */
function leastSum(moves: readonly Move[], untilMs: number): bigint {
  let index = firstSince(moves, untilMs - AVAILABLE_MS);
  let least = moves[index - 1]?.sum ?? 0n;
  for (let move = moves[index]; move && move.atMs <= untilMs; move = moves[++index]) {
    if (move.sum < least) least = move.sum;
  }
  return least;
}

/** The index of the first move at the time or later, by binary search. */
function firstSince(moves: readonly Move[], sinceMs: number): number {
  let [low, high] = [0, moves.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const isEarlier = (moves[middle]?.atMs ?? 0) < sinceMs;
    if (isEarlier) low = middle + 1;
    else high = middle;
  }
  return low;
}
