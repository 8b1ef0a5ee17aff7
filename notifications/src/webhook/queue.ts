import { type Backlog, type Database, statement } from 'service-kit';
import type { Context, Notification, QueuedNotification } from '../domain/ports.ts';
import { type BacklogRow, type QueuedRow, removeDeliveries, toBacklog, toQueued } from '../repository/deliveries.ts';

export interface ClaimedDelivery {
  readonly notification: QueuedNotification;
  /** Its claims, this one included. */
  readonly attempts: number;
  /** Those of its earlier attempts that the receiver refused. */
  readonly refusals: number;
  /** Since it was stored, in milliseconds. */
  readonly waitedMs: number;
}

export interface DeliveryFailure {
  readonly delayMs: number;
  readonly isRefusal: boolean;
}

/** The notifications that wait for the webhook. */
export interface DeliveryQueue {
  /** Claims the earliest notification of each order, at most `limit`. The lease holds back the later ones of the order, too. */
  claim(limit: number, leaseMs: number, context: Context): Promise<ClaimedDelivery[]>;
  acknowledge(notifications: readonly Notification[], context: Context): Promise<void>;
  /** Delays it, and with it the later notifications of its order. Counts a refusal. */
  postpone(notification: Notification, failure: DeliveryFailure, context: Context): Promise<void>;
  /** Gives it up. The later notifications of its order become available. */
  bury(notification: Notification, context: Context): Promise<void>;
  /** Reads no more rows than it counts. */
  readBacklog(countMax: number, context: Context): Promise<Backlog>;
}

interface ClaimedRow extends QueuedRow {
  readonly attempts: number;
  readonly refusals: number;
  readonly waited_ms: number;
}

export function createDeliveryQueue(database: Database): DeliveryQueue {
  return {
    async claim(limit, leaseMs, { signal }) {
      // "earlier" does not say IS NULL: the planner, who expects a short queue, would read the backlog's index for each order.
      // statement_timestamp(), unlike clock_timestamp(), is one value for all rows, so the index can serve the condition.
      const claim = statement`
        WITH heads AS (
          SELECT order_id, seq FROM deliveries head
          WHERE sink = 'webhook' AND journal_id IS NULL AND dead_at IS NULL AND available_at <= statement_timestamp()
            AND NOT EXISTS (
              SELECT 1 FROM deliveries earlier
              WHERE earlier.sink = 'webhook' AND earlier.order_id = head.order_id AND earlier.seq < head.seq
                AND coalesce(earlier.dead_at, 'infinity') = 'infinity'
              OFFSET 0
            )
          ORDER BY available_at
          LIMIT ${limit}
          FOR UPDATE SKIP LOCKED
        )
        UPDATE deliveries claimed
        SET available_at = statement_timestamp() + ${leaseMs} * interval '1 millisecond', attempts = attempts + 1
        FROM heads JOIN notifications notification USING (order_id, seq)
        WHERE claimed.sink = 'webhook' AND claimed.order_id = heads.order_id AND claimed.seq = heads.seq
        RETURNING notification.*, claimed.traceparent, claimed.tracestate, attempts, refusals,
          (1000 * extract(epoch FROM statement_timestamp() - queued_at))::float8 AS waited_ms`;
      const rows = await database.run<ClaimedRow>('claim deliveries', claim, { signal });
      return rows.map((row) => {
        const { attempts, refusals, waited_ms: waitedMs } = row;
        return { notification: toQueued(row), attempts, refusals, waitedMs };
      });
    },

    acknowledge: (notifications, context) => removeDeliveries(database, 'webhook', notifications, context),

    async postpone({ orderID, seq }, { delayMs, isRefusal }, { signal }) {
      // All of the order, or each round would read every notification that waits behind the failed one.
      const postpone = statement`
        UPDATE deliveries SET available_at = statement_timestamp() + ${delayMs} * interval '1 millisecond',
          refusals = refusals + (seq = ${seq} AND ${isRefusal}::boolean)::integer
        WHERE sink = 'webhook' AND order_id = ${orderID} AND dead_at IS NULL`;
      await database.run('postpone delivery', postpone, { signal });
    },

    async bury({ orderID, seq }, { signal }) {
      const bury = statement`
        UPDATE deliveries SET dead_at = statement_timestamp()
        WHERE sink = 'webhook' AND order_id = ${orderID} AND seq = ${seq}`;
      const free = statement`
        UPDATE deliveries SET available_at = statement_timestamp()
        WHERE sink = 'webhook' AND order_id = ${orderID} AND seq > ${seq} AND dead_at IS NULL`;
      await database.transaction(
        async (executor) => {
          await executor.run('bury delivery', bury);
          await executor.run('free deliveries', free);
        },
        { signal },
      );
    },

    async readBacklog(countMax, { signal }) {
      const select = statement`
        SELECT count(*) AS deliveries,
          coalesce((1000 * extract(epoch FROM statement_timestamp() - min(queued_at)))::float8, 0) AS oldest_ms
        FROM (
          SELECT queued_at FROM deliveries WHERE sink = 'webhook' AND dead_at IS NULL ORDER BY queued_at LIMIT ${countMax}
        ) waiting`;
      return toBacklog(await database.run<BacklogRow>('read webhook backlog', select, { signal }));
    },
  };
}
