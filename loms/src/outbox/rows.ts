import { randomUUID } from 'node:crypto';
import { type Database, type Executor, statement } from 'service-kit';
import type { OrderStatus, Outbox } from '../domain/ports.ts';
import type { BacklogReader, ClaimedEvent, ClaimedOrder, EventQueue } from './event.ts';

/** @param onAdded called when events were written, inside their transaction */
export function createOutbox(transaction: Executor, onAdded: () => void): Outbox {
  return {
    async add(changes) {
      if (changes.length === 0) return;
      const eventIDs = changes.map(() => randomUUID());
      const orderIDs = changes.map(({ orderID }) => orderID);
      const seqs = changes.map(({ seq }) => seq);
      const users = changes.map(({ user }) => user);
      const statuses = changes.map(({ status }) => status);
      const times = changes.map(({ at }) => at);
      const requestIDs = changes.map(({ cause }) => cause.requestId ?? null);
      const traceparents = changes.map(({ cause }) => cause.traceparent ?? null);
      const tracestates = changes.map(({ cause }) => cause.tracestate ?? null);
      const baggages = changes.map(({ cause }) => cause.baggage ?? null);
      await transaction.run(
        'add to outbox',
        statement`
          INSERT INTO outbox (available_at, event_id, order_id, seq, user_id, status, changed_at,
            request_id, traceparent, tracestate, baggage)
          SELECT statement_timestamp(), added.* FROM unnest(
            ${eventIDs}::uuid[], ${orderIDs}::bigint[], ${seqs}::integer[], ${users}::bigint[], ${statuses}::text[],
            ${times}::timestamptz[], ${requestIDs}::text[], ${traceparents}::text[], ${tracestates}::text[], ${baggages}::text[]
          ) AS added`,
      );
      onAdded();
    },
  };
}

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

/** A claimed event, or nothing; each row carries the delays of all acknowledged events. */
type AdvancedRow = { readonly delays_ms: readonly number[] | null } & (EventRow | { readonly event_id: null });

/**
 * An order is claimed with the lock on the earliest of its undelivered events, its head. The statement still sees the events
 * that it acknowledges as undelivered, so it leaves them out by their ids.
 *
 * statement_timestamp() is the same for all rows, so an index can serve the bound. `num_nulls` in place of IS NULL keeps the
 * planner off the indexes of undelivered events where it looks up single events and orders: its statistics are mostly of a
 * moment without a backlog, and then it would read the whole backlog for each of them.
 */
const advance = (deliveredIDs: readonly string[], limit: number, leaseMs: number) => statement`
  WITH acknowledged AS (
    UPDATE outbox SET delivered_at = statement_timestamp(), baggage = NULL
    WHERE event_id IN (SELECT unnest(${deliveredIDs}::uuid[])) AND num_nulls(delivered_at) = 1
    RETURNING (1000 * extract(epoch FROM delivered_at - changed_at))::float8 AS delay_ms
  ), heads AS (
    SELECT order_id FROM outbox head
    WHERE delivered_at IS NULL AND available_at <= statement_timestamp() AND event_id <> ALL(${deliveredIDs}::uuid[])
      AND NOT EXISTS (
        SELECT FROM outbox earlier
        WHERE earlier.order_id = head.order_id AND earlier.seq < head.seq AND num_nulls(earlier.delivered_at) = 1
          AND earlier.event_id <> ALL(${deliveredIDs}::uuid[])
      )
    ORDER BY available_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE outbox SET available_at = statement_timestamp() + ${leaseMs} * interval '1 millisecond', attempts = attempts + 1
    WHERE order_id IN (SELECT order_id FROM heads) AND num_nulls(delivered_at) = 1
      AND event_id <> ALL(${deliveredIDs}::uuid[])
    RETURNING *
  )
  SELECT delays_ms, claimed.*
  FROM (SELECT array_agg(delay_ms) AS delays_ms FROM acknowledged) AS delays LEFT JOIN claimed ON true
  ORDER BY order_id, seq`;

export function createEventQueue(database: Database): EventQueue {
  return {
    async advance(deliveredIDs, limit, leaseMs, { signal }) {
      const name = deliveredIDs.length === 0 ? 'claim events' : 'acknowledge events';
      const rows = await database.run<AdvancedRow>(name, advance(deliveredIDs, limit, leaseMs), { signal });
      return {
        claimed: toOrders(rows.flatMap((row) => (row.event_id === null ? [] : [toEvent(row)]))),
        delaysMs: rows[0]?.delays_ms ?? [],
      };
    },

    async postpone({ orderID, seq }, delayMs, { signal }) {
      // Those behind it wait, too; else every round would look at all of them while nothing can be delivered.
      await database.run(
        'postpone event',
        statement`
          UPDATE outbox SET available_at = statement_timestamp() + ${delayMs} * interval '1 millisecond',
            attempts = attempts - (seq > ${seq})::integer
          WHERE order_id = ${orderID} AND seq >= ${seq} AND num_nulls(delivered_at) = 1`,
        { signal },
      );
    },

    async release({ orderID, seq }, { signal }) {
      await database.run(
        'release event',
        statement`
          UPDATE outbox SET available_at = statement_timestamp(), attempts = attempts - 1
          WHERE order_id = ${orderID} AND seq >= ${seq} AND num_nulls(delivered_at) = 1`,
        { signal },
      );
    },
  };
}

/** @param events by order, and those of an order by seq */
function toOrders(events: readonly ClaimedEvent[]): ClaimedOrder[] {
  const orders = Map.groupBy(events, ({ orderID }) => orderID);
  return [...orders.values()] as [ClaimedEvent, ...ClaimedEvent[]][];
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

/** Looks at no more rows than it counts, at each reading. */
export function createBacklogReader(database: Database): BacklogReader {
  return {
    async read(countMax, { signal }) {
      const [row] = await database.run<{ count: bigint; oldest_ms: number }>(
        'read backlog',
        statement`
          SELECT count(*),
            coalesce(1000 * extract(epoch FROM clock_timestamp() - min(changed_at)), 0)::float8 AS oldest_ms
          FROM (SELECT changed_at FROM outbox WHERE delivered_at IS NULL ORDER BY changed_at LIMIT ${countMax}) undelivered`,
        { signal },
      );
      return { count: Number(row?.count ?? 0), oldestMs: row?.oldest_ms ?? 0 };
    },
  };
}
