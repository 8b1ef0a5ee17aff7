import { type Database, statement } from 'service-kit';
import type { OrderStatus } from '../domain/ports.ts';
import type { BacklogReader, ClaimedEvent, EventQueue, OrderEvent } from './event.ts';

interface EventRow {
  readonly event_id: string;
  readonly order_id: bigint;
  readonly seq: number;
  readonly user_id: bigint;
  readonly status: OrderStatus;
  readonly changed_at: Date;
  readonly attempts: number;
  readonly request_id: string | null;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  readonly baggage: string | null;
}

interface SummaryRow {
  readonly event_id: null;
  readonly delays_ms: readonly number[] | null;
  readonly due_ms: number | null;
}

/** Events of an order in one claim: few orders have more, and those behind them follow with the next claim. */
const EVENTS_OF_ORDER_MAX = 4;

/**
 * A row for each claimed event, and one with the summary: a join would repeat the delays of a whole batch in each row.
 *
 * An order is claimed with the lock on the earliest of its undelivered events, its head. The statement still sees the events
 * that it acknowledges as undelivered, so it leaves them out by their ids.
 *
 * statement_timestamp() is the same for all rows, so an index can serve the bound. The planner's statistics are mostly of a moment without a
 * backlog, in which it would read a whole backlog for each order: `num_nulls` in place of IS NULL keeps it off the index of undelivered
 * events where it finds single events and orders, and a scalar subquery cannot become a join.
 */
const advance = (deliveredIDs: readonly string[], ordersMax: number, leaseMs: number) => statement`
  WITH acknowledged AS (
    UPDATE outbox SET delivered_at = statement_timestamp(), baggage = NULL
    WHERE event_id IN (SELECT unnest(${deliveredIDs}::uuid[])) AND num_nulls(delivered_at) = 1
    RETURNING (1000 * extract(epoch FROM delivered_at - changed_at))::float8 AS delay_ms
  ), heads AS (
    SELECT order_id, seq FROM outbox head
    WHERE delivered_at IS NULL AND available_at <= statement_timestamp() AND event_id <> ALL(${deliveredIDs}::uuid[])
      AND seq = (
        SELECT min(seq) FROM outbox own
        WHERE own.order_id = head.order_id AND num_nulls(own.delivered_at) = 1 AND own.event_id <> ALL(${deliveredIDs}::uuid[])
      )
    ORDER BY available_at LIMIT ${ordersMax} FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE outbox SET available_at = statement_timestamp() + ${leaseMs} * interval '1 millisecond', attempts = attempts + 1
    FROM heads
    WHERE outbox.order_id = heads.order_id AND outbox.seq >= heads.seq AND outbox.seq < heads.seq + ${EVENTS_OF_ORDER_MAX}
      AND num_nulls(delivered_at) = 1
    RETURNING outbox.*
  ), summary AS (
    SELECT (SELECT array_agg(delay_ms) FROM acknowledged) AS delays_ms, (
      SELECT 1000 * extract(epoch FROM available_at - statement_timestamp()) FROM outbox
      WHERE delivered_at IS NULL AND available_at > statement_timestamp() ORDER BY available_at LIMIT 1
    )::float8 AS due_ms
  )
  SELECT summary.*, claimed.* FROM summary FULL JOIN claimed ON false
  ORDER BY order_id, seq`;

export function createEventQueue(database: Database): EventQueue {
  return {
    async advance(deliveredIDs, ordersMax, leaseMs, { signal }) {
      const name = deliveredIDs.length === 0 ? 'claim events' : 'acknowledge events';
      const rows = await database.run<EventRow | SummaryRow>(name, advance(deliveredIDs, ordersMax, leaseMs), {
        signal,
      });
      // NULLs sort last.
      const summary = rows.pop() as SummaryRow;
      return {
        claimed: (rows as EventRow[]).map(toEvent),
        delaysMs: summary.delays_ms ?? [],
        dueMs: summary.due_ms ?? undefined,
      };
    },

    async postpone(events, { signal }) {
      const { orderIDs, seqs } = keysOf(events.map(({ event }) => event));
      const delaysMs = events.map(({ delayMs }) => delayMs);
      // Those behind a failed event wait, too; else every round would look at all of them while nothing can be delivered.
      await database.run(
        'postpone events',
        statement`
          UPDATE outbox SET available_at = statement_timestamp() + delay_ms * interval '1 millisecond',
            attempts = greatest(attempts - (outbox.seq > failed.seq)::integer, 0)
          FROM unnest(${orderIDs}::bigint[], ${seqs}::integer[], ${delaysMs}::float8[]) AS failed (order_id, seq, delay_ms)
          WHERE outbox.order_id = failed.order_id AND outbox.seq >= failed.seq AND num_nulls(delivered_at) = 1`,
        { signal },
      );
    },

    async release(events, { signal }) {
      const { orderIDs, seqs } = keysOf(events);
      await database.run(
        'release events',
        statement`
          UPDATE outbox SET available_at = statement_timestamp(), attempts = attempts - 1
          FROM unnest(${orderIDs}::bigint[], ${seqs}::integer[]) AS claimed (order_id, seq)
          WHERE outbox.order_id = claimed.order_id AND outbox.seq = claimed.seq AND num_nulls(delivered_at) = 1`,
        { signal },
      );
    },
  };
}

function keysOf(events: readonly OrderEvent[]) {
  return { orderIDs: events.map(({ orderID }) => orderID), seqs: events.map(({ seq }) => seq) };
}

function toEvent(row: EventRow): ClaimedEvent {
  return {
    eventID: row.event_id,
    orderID: row.order_id,
    seq: row.seq,
    user: row.user_id,
    status: row.status,
    at: row.changed_at,
    attempts: row.attempts,
    requestId: row.request_id ?? undefined,
    traceparent: row.traceparent ?? undefined,
    tracestate: row.tracestate ?? undefined,
    baggage: row.baggage ?? undefined,
  };
}

/**
 * Looks at no more rows than it counts, at each reading. Of a larger backlog it misses the age of an event that is leased or postponed,
 * since these come last.
 */
export function createBacklogReader(database: Database): BacklogReader {
  return {
    async read(countMax, { signal }) {
      const [row] = await database.run<{ count: bigint; oldest_ms: number }>(
        'read backlog',
        statement`
          SELECT count(*),
            coalesce(1000 * extract(epoch FROM clock_timestamp() - min(changed_at)), 0)::float8 AS oldest_ms
          FROM (SELECT changed_at FROM outbox WHERE delivered_at IS NULL ORDER BY available_at LIMIT ${countMax}) undelivered`,
        { signal },
      );
      return { count: Number(row?.count ?? 0), oldestMs: row?.oldest_ms ?? 0 };
    },
  };
}
