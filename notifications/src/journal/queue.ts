import { type Backlog, type Database, statement } from 'service-kit';
import type { Context, Notification, QueuedNotification } from '../domain/ports.ts';
import {
  type BacklogRow,
  keysOf,
  type QueuedRow,
  removeDeliveries,
  toBacklog,
  toQueued,
} from '../repository/deliveries.ts';

/** The notifications that wait for a journal. A claim of a journal never expires. */
export interface JournalQueue {
  /**
   * Acknowledges what the journal holds and claims the notifications of at most `ordersMax` orders, in one statement.
   * @param written everything that the journal claimed before
   * @returns those of one order ascending by seq
   */
  claim(
    journalID: string,
    ordersMax: number,
    written: readonly Notification[],
    context: Context,
  ): Promise<QueuedNotification[]>;
  /** The journal's claims that are not acknowledged; those of one order ascending by seq. */
  claimed(journalID: string, context: Context): Promise<QueuedNotification[]>;
  acknowledge(notifications: readonly Notification[], context: Context): Promise<void>;
  /** The journals with claims of at least this age. */
  findStale(ageMs: number, context: Context): Promise<string[]>;
  /** Reads no more rows than it counts. */
  readBacklog(countMax: number, context: Context): Promise<Backlog>;
}

export function createJournalQueue(database: Database): JournalQueue {
  return {
    async claim(journalID, ordersMax, written, { signal }) {
      const { orderIDs, seqs } = keysOf(written);
      // All parts of the statement see the rows that it deletes, so "earlier" excludes these. A head is the earliest of its order,
      // and its lock is that of the order: no other claim gets the successors. A row of the journal is never dead; only `heads` says
      // so, for its index: elsewhere the planner, who expects an empty queue, would read that index for each order of a backlog.
      // statement_timestamp(), unlike clock_timestamp(), is one value for all rows, so the index can serve the condition.
      const claim = statement`
        WITH written AS (
          SELECT unnest(${orderIDs}::bigint[]) AS order_id, unnest(${seqs}::bigint[]) AS seq
        ), acknowledged AS (
          DELETE FROM deliveries WHERE sink = 'journal' AND (order_id, seq) IN (SELECT order_id, seq FROM written)
        ), heads AS (
          SELECT order_id, seq FROM deliveries head
          WHERE sink = 'journal' AND journal_id IS NULL AND dead_at IS NULL AND available_at <= statement_timestamp()
            AND NOT EXISTS (
              SELECT 1 FROM deliveries earlier
              WHERE earlier.sink = 'journal' AND earlier.order_id = head.order_id AND earlier.seq < head.seq
                AND (earlier.order_id, earlier.seq) NOT IN (SELECT order_id, seq FROM written)
              OFFSET 0
            )
          ORDER BY available_at
          LIMIT ${ordersMax}
          FOR UPDATE SKIP LOCKED
        ), own AS (
          SELECT order_id, later.seq FROM heads CROSS JOIN LATERAL (
            SELECT seq FROM deliveries
            WHERE sink = 'journal' AND deliveries.order_id = heads.order_id AND seq >= heads.seq AND journal_id IS NULL
            OFFSET 0
          ) later
        )
        UPDATE deliveries claimed
        SET journal_id = ${journalID}, claimed_at = statement_timestamp(), attempts = attempts + 1
        FROM own JOIN notifications notification USING (order_id, seq)
        WHERE claimed.sink = 'journal' AND claimed.order_id = own.order_id AND claimed.seq = own.seq
        RETURNING notification.*, claimed.traceparent, claimed.tracestate`;
      return inOrder(await database.run<QueuedRow>('claim for journal', claim, { signal }));
    },

    async claimed(journalID, { signal }) {
      const select = statement`
        SELECT notification.*, claimed.traceparent, claimed.tracestate
        FROM deliveries claimed JOIN notifications notification USING (order_id, seq)
        WHERE journal_id = ${journalID}`;
      return inOrder(await database.run<QueuedRow>('read journal claims', select, { signal }));
    },

    acknowledge: (notifications, context) => removeDeliveries(database, 'journal', notifications, context),

    async findStale(ageMs, { signal }) {
      const select = statement`
        SELECT DISTINCT journal_id FROM deliveries
        WHERE journal_id IS NOT NULL AND claimed_at <= statement_timestamp() - ${ageMs} * interval '1 millisecond'`;
      const rows = await database.run<{ journal_id: string }>('find stale claims', select, { signal });
      return rows.map(({ journal_id }) => journal_id);
    },

    async readBacklog(countMax, { signal }) {
      const select = statement`
        SELECT count(*) AS deliveries,
          coalesce((1000 * extract(epoch FROM statement_timestamp() - min(queued_at)))::float8, 0) AS oldest_ms
        FROM (
          (
            SELECT queued_at FROM deliveries WHERE sink = 'journal' AND journal_id IS NULL AND dead_at IS NULL
            ORDER BY available_at LIMIT ${countMax}
          )
          UNION ALL
          (SELECT queued_at FROM deliveries WHERE sink = 'journal' AND journal_id IS NOT NULL LIMIT ${countMax})
        ) waiting`;
      return toBacklog(await database.run<BacklogRow>('read journal backlog', select, { signal }));
    },
  };
}

function inOrder(rows: readonly QueuedRow[]): QueuedNotification[] {
  return rows.map(toQueued).sort((a, b) => a.seq - b.seq);
}
