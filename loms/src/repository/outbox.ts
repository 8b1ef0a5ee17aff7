import { randomUUID } from 'node:crypto';
import { type Database, type Executor, fixedStatement, shapedStatement, sql } from 'service-kit';
import type { BacklogReader, Context, EventQueue, Handover, OrderEvent, OrderStatus, Outbox } from '../domain/ports.ts';

export function createOutbox(transaction: Executor, context: Context, handover: Handover): Outbox {
  const { requestId, traceparent, tracestate, baggage } = context;
  const origin = { requestId, traceparent, tracestate, baggage };
  return {
    async add(changes) {
      const [first] = changes;
      if (!first) return;
      const events = changes.map((change) => ({ ...change, eventID: randomUUID(), ...origin }));
      const { orderID, seq } = first;
      const asked = handover.ask(orderID, seq, changes.length);
      const values = { ...toValues(events), order_id: orderID, lease_ms: handover.leaseMs };
      const statement = insertEvents[asked](changes.length, values);
      const [row] = await transaction.run<{ taken: boolean }>('add to outbox', statement);
      handover.wrote(events, row?.taken ?? false);
    },
  };
}

const COLUMNS = [
  'event_id',
  'order_id',
  'seq',
  'user_id',
  'status',
  'changed_at',
  'request_id',
  'traceparent',
  'tracestate',
  'baggage',
] as const satisfies (keyof EventRow)[];
type Row = Pick<EventRow, (typeof COLUMNS)[number]>;
type Values = Record<string, Row[keyof Row]>;
type Asked = ReturnType<Handover['ask']>;

const insertEvents = { taken: insertAs('taken'), 'taken if first': insertAs('taken if first'), free: insertAs('free') };

/** A call changes an order once or twice, so there are as many shapes of this statement. */
function insertAs(asked: Asked) {
  return shapedStatement<number, Values>((rowCount, values) => {
    const rows = Array.from({ length: rowCount }, (_, row) => ({
      ...Object.fromEntries(COLUMNS.map((column) => [column, values[`${column} ${row}`]])),
      ...takenAs(asked, values),
    }));
    const insert = sql.insert().into('outbox').setFieldsRows(rows);
    return insert.returning('available_at > statement_timestamp()', 'taken');
  });
}

function takenAs(asked: Asked, { order_id, lease_ms }: Values) {
  const lease = sql.str(`statement_timestamp() + ? * interval '1 millisecond'`, lease_ms);
  if (asked === 'taken') return { available_at: lease, attempts: 1 };
  if (asked === 'free') return { available_at: sql.str('statement_timestamp()'), attempts: 0 };
  const waiting = sql.select().from('outbox', 'earlier').field('1');
  waiting.where('earlier.order_id = ?', order_id).where('earlier.delivered_at IS NULL');
  return {
    available_at: sql.str('CASE WHEN EXISTS ? THEN statement_timestamp() ELSE ? END', waiting, lease),
    attempts: sql.str('CASE WHEN EXISTS ? THEN 0 ELSE 1 END', waiting),
  };
}

function toValues(events: readonly OrderEvent[]): Values {
  return Object.fromEntries(
    events.flatMap((event, index) => {
      const row = toRow(event);
      return COLUMNS.map((column) => [`${column} ${index}`, row[column]]);
    }),
  );
}

function toRow({ eventID, orderID, seq, user, status, at, ...origin }: OrderEvent): Row {
  return {
    event_id: eventID,
    order_id: orderID,
    seq,
    user_id: user,
    status,
    changed_at: at,
    request_id: origin.requestId ?? null,
    traceparent: origin.traceparent ?? null,
    tracestate: origin.tracestate ?? null,
    baggage: origin.baggage ?? null,
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

const later = (ms: number) => sql.str(`statement_timestamp() + ? * interval '1 millisecond'`, ms);

const claimEvents = shapedStatement<number, { leaseMs: number }>((limit, { leaseMs }) => {
  const heads = sql
    .select()
    .from('outbox', 'head')
    .field('event_id')
    .where('delivered_at IS NULL')
    // Not clock_timestamp(), which may differ from row to row: an index is of use only where the bound stays the same.
    .where('available_at <= statement_timestamp()')
    .where('NOT EXISTS ?', undeliveredBefore('head'))
    .order('available_at')
    .limit(limit)
    .for('UPDATE SKIP LOCKED');
  return sql
    .update()
    .with('heads', heads)
    .table('outbox')
    .set('available_at', later(leaseMs))
    .set('attempts', sql.str('attempts + 1'))
    .where('event_id IN (SELECT event_id FROM heads)')
    .returning('*');
});

const markDelivered = fixedStatement<{ eventIDs: readonly string[] }>(({ eventIDs }) => {
  const later = sql.select().from('outbox', 'later').field('1').where('later.order_id = outbox.order_id');
  later.where('later.seq > outbox.seq').where('later.delivered_at IS NULL');
  later.where('later.available_at <= statement_timestamp()');
  return (
    sql
      .update()
      .table('outbox')
      // The same for all of them: among those of an order none may look as if it had overtaken another.
      .set('delivered_at', sql.str('statement_timestamp()'))
      // It may tell of persons, and nobody needs it any more.
      .set('baggage', null)
      .where('event_id = ANY(?::uuid[])', eventIDs)
      .where('delivered_at IS NULL')
      .returning('(1000 * extract(epoch FROM delivered_at - changed_at))::float8', 'delay_ms')
      .returning(sql.str('EXISTS ?', later), 'is_awaited')
  );
});

export function createEventQueue(database: Database): EventQueue {
  return {
    async claim(limit, leaseMs, { signal }) {
      const rows = await database.run<EventRow>('claim events', claimEvents(limit, { leaseMs }), { signal });
      return rows.map((row) => ({
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
      }));
    },

    async delivered(eventIDs, { signal }) {
      const statement = markDelivered({ eventIDs });
      type Row = { delay_ms: number; is_awaited: boolean };
      const rows = await database.run<Row>('event delivered', statement, { signal });
      return rows.map(({ delay_ms, is_awaited }) => ({ delayMs: delay_ms, isAwaited: is_awaited }));
    },

    async postpone(eventID, delayMs, { signal }) {
      const order = sql.select().from('outbox').field('order_id').where('event_id = ?', eventID);
      const statement = sql
        .update()
        .table('outbox')
        .set('available_at', later(delayMs))
        // Those that wait behind it rest, too; else every round would look at all of them while nothing can be delivered.
        .where('order_id = ?', order)
        .where('delivered_at IS NULL');
      await database.run('postpone event', statement, { signal });
    },

    async release(eventID, { signal }) {
      const before = sql.select().from('outbox', 'earlier').field('max(earlier.available_at)');
      before.where('earlier.order_id = outbox.order_id').where('earlier.seq < outbox.seq');
      before.where('earlier.delivered_at IS NULL');
      const statement = sql
        .update()
        .table('outbox')
        .set('available_at', sql.str('coalesce(?, statement_timestamp())', before))
        .set('attempts', sql.str('attempts - 1'))
        .where('event_id = ?', eventID);
      await database.run('release event', statement, { signal });
    },
  };
}

/** Looks at no more rows than it counts, at each reading. */
export function createBacklogReader(database: Database): BacklogReader {
  return {
    async read(countMax, { signal }) {
      const undelivered = sql
        .select()
        .from('outbox')
        .field('changed_at')
        .where('delivered_at IS NULL')
        .order('changed_at')
        .limit(countMax);
      const statement = sql
        .select()
        .from(undelivered, 'undelivered')
        .field('count(*)', 'events')
        .field('coalesce(1000 * extract(epoch FROM clock_timestamp() - min(changed_at)), 0)::float8', 'oldest_ms');
      const [row] = await database.run<{ events: bigint; oldest_ms: number }>('read backlog', statement, { signal });
      return { events: Number(row?.events ?? 0), oldestMs: row?.oldest_ms ?? 0 };
    },
  };
}

function undeliveredBefore(head: string) {
  return sql
    .select()
    .from('outbox', 'earlier')
    .field('1')
    .where(`earlier.order_id = ${head}.order_id`)
    .where(`earlier.seq < ${head}.seq`)
    .where('earlier.delivered_at IS NULL');
}
