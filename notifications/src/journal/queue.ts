import { type Database, statement } from 'service-kit';
import type { Context, Notification, QueuedNotification } from '../domain/ports.ts';
import { keysOf, type QueuedRow, removeDeliveries, toQueued } from '../repository/deliveries.ts';

/** The notifications that wait for a journal. A claim of a journal never expires. */
export interface JournalQueue {
  /**
   * Acknowledges what the journal holds and claims the earliest notification of each order, at most `limit`, in one statement.
   * @param written everything that the journal claimed before
   */
  claim(
    journalID: string,
    limit: number,
    written: readonly Notification[],
    context: Context,
  ): Promise<QueuedNotification[]>;
  /** The journal's claims that are not acknowledged. */
  claimed(journalID: string, context: Context): Promise<QueuedNotification[]>;
  acknowledge(notifications: readonly Notification[], context: Context): Promise<void>;
  /** The journals with claims of at least this age. */
  findStale(ageMs: number, context: Context): Promise<string[]>;
}

export function createJournalQueue(database: Database): JournalQueue {
  return {
    async claim(journalID, limit, written, { signal }) {
      const { orderIDs, seqs } = keysOf(written);
      // All parts of the statement see the rows that it deletes, so "earlier" excludes these.
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
              WHERE earlier.sink = head.sink AND earlier.order_id = head.order_id AND earlier.seq < head.seq
                AND earlier.dead_at IS NULL
                AND (earlier.order_id, earlier.seq) NOT IN (SELECT order_id, seq FROM written)
            )
          ORDER BY available_at
          LIMIT ${limit}
          FOR UPDATE SKIP LOCKED
        )
        UPDATE deliveries claimed
        SET journal_id = ${journalID}, claimed_at = statement_timestamp(), attempts = attempts + 1
        FROM heads JOIN notifications notification USING (order_id, seq)
        WHERE claimed.sink = 'journal' AND claimed.order_id = heads.order_id AND claimed.seq = heads.seq
        RETURNING notification.*, claimed.traceparent, claimed.tracestate`;
      return (await database.run<QueuedRow>('claim for journal', claim, { signal })).map(toQueued);
    },

    async claimed(journalID, { signal }) {
      const select = statement`
        SELECT notification.*, claimed.traceparent, claimed.tracestate
        FROM deliveries claimed JOIN notifications notification USING (order_id, seq)
        WHERE journal_id = ${journalID}`;
      return (await database.run<QueuedRow>('read journal claims', select, { signal })).map(toQueued);
    },

    acknowledge: (notifications, context) => removeDeliveries(database, 'journal', notifications, context),

    async findStale(ageMs, { signal }) {
      const select = statement`
        SELECT DISTINCT journal_id FROM deliveries
        WHERE journal_id IS NOT NULL AND claimed_at <= statement_timestamp() - ${ageMs} * interval '1 millisecond'`;
      const rows = await database.run<{ journal_id: string }>('find stale claims', select, { signal });
      return rows.map(({ journal_id }) => journal_id);
    },
  };
}
