import type { Statement } from 'service-kit';
import type { QueuedNotification } from '../domain/ports.ts';
import type { DeliveryTarget } from './deliveries.ts';

/**
 * Stores a batch: `incoming` are its notifications, and `fitting` the orders whose first notification of the batch is the next one of
 * the order. Parameters 1 to 12 are `toValues`.
 */
const BATCH = `
  incoming AS (
    SELECT * FROM unnest(
      $1::bigint[], $2::bigint[], $3::uuid[], $4::bigint[], $5::text[], $6::timestamptz[], $7::text[], $8::text[], $9::text[]
    ) incoming (order_id, seq, event_id, user_id, status, at, text, traceparent, tracestate)
  ), fitting AS (
    SELECT order_id FROM unnest($10::bigint[], $11::bigint[]) first (order_id, seq)
    WHERE first.seq - 1 = (
      SELECT coalesce(max(seq), 0) FROM notifications WHERE notifications.order_id = first.order_id
    )
  )`;

/**
 * Inserts in one order everywhere, so that concurrent inserts of the same rows cannot deadlock. Fails if one of them is stored
 * concurrently or its eventID is in use, because a skipped row would leave a gap.
 */
const storedFrom = (rows: string): string => `
  stored AS (
    INSERT INTO notifications (order_id, seq, event_id, user_id, status, at, text)
    SELECT order_id, seq, event_id, user_id, status, at, text FROM ${rows} ORDER BY order_id, seq
  ), queued AS (
    INSERT INTO deliveries (sink, order_id, seq, traceparent, tracestate)
    SELECT unnest($12::text[]), order_id, seq, traceparent, tracestate FROM ${rows}
  )`;

const STORE_FITTING = `
  WITH ${BATCH}, ${storedFrom('incoming JOIN fitting USING (order_id)')}
  SELECT order_id FROM fitting`;

/** `moved` has a row only if the batch fits whole and the offset could be moved, and every insert selects from it. */
const STORE_AND_MOVE = `
  WITH ${BATCH}, moved AS (
    UPDATE consumer_offsets SET next_offset = $16, moved_at = clock_timestamp()
    WHERE topic = $13 AND partition = $14 AND next_offset = $15
      AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE order_id = ANY($10::bigint[]))
      AND (SELECT count(*) FROM fitting) = cardinality($10::bigint[])
    RETURNING partition
  ), ${storedFrom('incoming, moved')}
  SELECT partition FROM moved`;

/**
 * Stores the orders that fit, and returns their ids.
 * @param notifications those of one order ascending and without gaps
 */
export function storeFitting(
  notifications: readonly QueuedNotification[],
  targets: readonly DeliveryTarget[],
): Statement {
  return { toParam: () => ({ text: STORE_FITTING, values: toValues(notifications, targets) }) };
}

/** Stores all of them and moves the offset of a partition, or does nothing and returns no row. */
export function storeAndMove(
  notifications: readonly QueuedNotification[],
  targets: readonly DeliveryTarget[],
  { topic, partition, from, to }: { topic: string; partition: number; from: bigint; to: bigint },
): Statement {
  const values = [...toValues(notifications, targets), topic, partition, from, to];
  return { toParam: () => ({ text: STORE_AND_MOVE, values }) };
}

function toValues(notifications: readonly QueuedNotification[], targets: readonly DeliveryTarget[]): unknown[] {
  const column = <K extends keyof QueuedNotification>(name: K) => notifications.map((row) => row[name] ?? null);
  const firstSeqs = new Map<bigint, number>();
  for (const { orderID, seq } of notifications) if (!firstSeqs.has(orderID)) firstSeqs.set(orderID, seq);
  return [
    column('orderID'),
    column('seq'),
    column('eventID'),
    column('user'),
    column('status'),
    column('at'),
    column('text'),
    column('traceparent'),
    column('tracestate'),
    [...firstSeqs.keys()],
    [...firstSeqs.values()],
    targets,
  ];
}
