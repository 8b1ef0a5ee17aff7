import assert from 'node:assert/strict';
import type { Query } from './loms-fixture.ts';

/**
 * What must hold in loms's database whenever nothing is under way, as queries for what breaks it. Each answers no row
 * where its rule holds.
 */
export const INVARIANTS = {
  /** What was ever put into a warehouse is on sale, reserved or sold; nothing is below nought. */
  S1: `
    SELECT * FROM stocks
    WHERE supplied <> on_sale + reserved + sold OR least(supplied, on_sale, reserved, sold) < 0`,

  /** What stocks count as reserved are the reservations. */
  'S2, the counter': `
    SELECT sku, warehouse_id, reserved, held
    FROM stocks
    FULL JOIN (SELECT sku, warehouse_id, sum(count) AS held FROM reservations GROUP BY sku, warehouse_id)
      USING (sku, warehouse_id)
    WHERE coalesce(reserved, 0) <> coalesce(held, 0)`,

  /** There are reservations for just the orders that await payment, and for just their goods. */
  'S2, the orders': `
    SELECT order_id, sku, wanted, held
    FROM (
      SELECT order_id, sku, count AS wanted FROM orders JOIN order_items USING (order_id)
      WHERE status = 'awaiting payment'
    )
    FULL JOIN (SELECT order_id, sku, sum(count) AS held FROM reservations GROUP BY order_id, sku)
      USING (order_id, sku)
    WHERE wanted IS DISTINCT FROM held`,

  /** Goods have left the shelves for orders that are payed or await payment, and for no other. */
  S3: `
    SELECT sku, reserved, sold, awaiting, payed
    FROM (SELECT sku, sum(reserved) AS reserved, sum(sold) AS sold FROM stocks GROUP BY sku)
    FULL JOIN (
      SELECT sku,
        sum(count) FILTER (WHERE status = 'awaiting payment') AS awaiting,
        sum(count) FILTER (WHERE status = 'payed') AS payed
      FROM orders JOIN order_items USING (order_id)
      GROUP BY sku
    ) USING (sku)
    WHERE coalesce(reserved, 0) <> coalesce(awaiting, 0) OR coalesce(sold, 0) <> coalesce(payed, 0)`,

  /** An order's history is one of these, numbered from 1 without gaps; its end is where the order stands. */
  O1: `
    SELECT order_id, orders.seq, orders.status, told.seqs, told.statuses
    FROM orders
    LEFT JOIN (
      SELECT order_id, array_agg(seq ORDER BY seq) AS seqs, array_agg(status ORDER BY seq) AS statuses
      FROM order_status_history
      GROUP BY order_id
    ) told USING (order_id)
    WHERE (
      statuses IN (
        '{new}',
        '{new,failed}',
        '{new,awaiting payment}',
        '{new,awaiting payment,payed}',
        '{new,awaiting payment,cancelled}'
      )
      AND seqs = ARRAY(SELECT generate_series(1, cardinality(seqs)))
      AND orders.seq = cardinality(seqs)
      AND orders.status = statuses[cardinality(statuses)]
    ) IS NOT TRUE`,

  /** No order is left new, and none awaits payment long after its time. The background work looks every second. */
  O4: `
    SELECT order_id, status, payment_due_at FROM orders
    WHERE status = 'new' OR payment_due_at < clock_timestamp() - interval '5 seconds'`,

  /** Every step of every order is in the outbox, once and as it was. */
  E1: `
    SELECT order_id, seq, history.status, outbox.status AS told, history.changed_at, outbox.changed_at AS told_at
    FROM order_status_history history
    FULL JOIN outbox USING (order_id, seq)
    LEFT JOIN (SELECT order_id, user_id FROM orders) buyer USING (order_id)
    WHERE (history.status, history.changed_at, buyer.user_id)
      IS DISTINCT FROM (outbox.status, outbox.changed_at, outbox.user_id)`,
} as const;

export type Invariant = keyof typeof INVARIANTS;

/** The rows that break each rule that is broken. */
export async function findViolations(query: Query): Promise<Partial<Record<Invariant, Record<string, unknown>[]>>> {
  const violations: Partial<Record<Invariant, Record<string, unknown>[]>> = {};
  // One after the other, so that a transaction can be given as well.
  for (const [rule, text] of Object.entries(INVARIANTS)) {
    const rows = await query(text);
    if (rows.length > 0) violations[rule as Invariant] = rows;
  }
  return violations;
}

export async function assertInvariants(query: Query): Promise<void> {
  assert.deepEqual(await findViolations(query), {}, 'these rows break the rules they stand under');
}
