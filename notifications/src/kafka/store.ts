import { type Database, isLostRace, SQLSTATE, sqlStateOf, statement } from 'service-kit';
import type { QueuedNotification } from '../domain/ports.ts';
import type { DeliveryTarget } from '../repository/deliveries.ts';
import { createNotifications } from '../repository/notifications.ts';
import { createDeadLetters } from './dead-letters.ts';
import type { ConsumerOffsets, ConsumerStore, OffsetRange } from './ports.ts';

/** @param targets the targets that each notification is queued for */
export function createConsumerStore(database: Database, targets: readonly DeliveryTarget[]): ConsumerStore {
  return {
    async storeBatch(range, notifications, { signal }) {
      try {
        const rows = await database.run('take whole batch', insertBatch(range, notifications, targets), { signal });
        return rows.length > 0;
      } catch (error) {
        // A concurrent insert stored one of the events, or two events share an eventID.
        if (isLostRace(error) || sqlStateOf(error) === SQLSTATE.uniqueViolation) return false;
        throw error;
      }
    },

    transaction(work, { signal }) {
      return database.transaction(
        (executor) => {
          const offsets: ConsumerOffsets = {
            async move({ topic, partition }, from, to) {
              const move = statement`
                UPDATE consumer_offsets SET next_offset = ${to}, moved_at = clock_timestamp()
                WHERE topic = ${topic} AND partition = ${partition} AND next_offset = ${from}
                RETURNING partition`;
              return (await executor.run('move offset', move)).length > 0;
            },
          };
          const notifications = createNotifications(executor, targets);
          return work({ notifications, offsets, deadLetters: createDeadLetters(executor) });
        },
        { signal },
      );
    },

    async readOffset({ topic, partition }, { signal }) {
      // `move` updates, so the row has to exist.
      const insert = statement`
        INSERT INTO consumer_offsets (topic, partition, next_offset) VALUES (${topic}, ${partition}, 0)
        ON CONFLICT DO NOTHING`;
      await database.run('begin partition', insert, { signal });
      const select = statement`
        SELECT next_offset FROM consumer_offsets WHERE topic = ${topic} AND partition = ${partition}`;
      const [row] = await database.run<{ next_offset: bigint }>('read offset', select, { signal });
      return row?.next_offset ?? 0n;
    },
  };
}

/**
 * `moved` has a row only if the offset could be moved, and every insert selects from it. One statement for a whole batch, because
 * a round trip and the planning cost far more than the rows.
 */
function insertBatch(
  { topic, partition, from, to }: OffsetRange,
  notifications: readonly QueuedNotification[],
  targets: readonly DeliveryTarget[],
) {
  // In one order everywhere, so that concurrent inserts of the same rows cannot deadlock.
  const sorted = notifications.toSorted((a, b) => Number(a.orderID - b.orderID) || a.seq - b.seq);
  const column = <K extends keyof QueuedNotification>(name: K) => sorted.map((row) => row[name] ?? null);
  const firstSeqs = new Map(sorted.toReversed().map(({ orderID, seq }) => [orderID, seq]));
  const orderIDs = [...firstSeqs.keys()];
  return statement`
    WITH incoming AS (
      SELECT * FROM unnest(
        ${column('orderID')}::bigint[], ${column('seq')}::bigint[], ${column('eventID')}::uuid[], ${column('user')}::bigint[],
        ${column('status')}::text[], ${column('at')}::timestamptz[], ${column('text')}::text[],
        ${column('traceparent')}::text[], ${column('tracestate')}::text[]
      ) incoming (order_id, seq, event_id, user_id, status, at, text, traceparent, tracestate)
    ), moved AS (
      UPDATE consumer_offsets SET next_offset = ${to}, moved_at = clock_timestamp()
      WHERE topic = ${topic} AND partition = ${partition} AND next_offset = ${from}
        AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE order_id = ANY(${orderIDs}::bigint[]))
        AND NOT EXISTS (
          SELECT 1 FROM unnest(${orderIDs}::bigint[], ${[...firstSeqs.values()]}::bigint[]) first (order_id, seq)
          WHERE first.seq - 1 <> (
            SELECT coalesce(max(seq), 0) FROM notifications WHERE notifications.order_id = first.order_id
          )
        )
      RETURNING partition
    ), stored AS (
      INSERT INTO notifications (order_id, seq, event_id, user_id, status, at, text)
      SELECT order_id, seq, event_id, user_id, status, at, text FROM incoming, moved
    ), queued AS (
      INSERT INTO deliveries (sink, order_id, seq, traceparent, tracestate)
      SELECT unnest(${targets}::text[]), order_id, seq, traceparent, tracestate FROM incoming, moved
    )
    SELECT partition FROM moved`;
}
