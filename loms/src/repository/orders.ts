import { randomUUID } from 'node:crypto';
import {
  type Database,
  type Executor,
  isViolationOf,
  LostRace,
  preparedStatement,
  type Statement,
  sql,
  statement,
} from 'service-kit';
import type {
  Context,
  FirstSteps,
  Item,
  NewOrder,
  Order,
  OrderReader,
  OrderStatus,
  Orders,
  OverdueOrders,
  SettleCall,
  Settled,
  ShownOrder,
  StatusChange,
} from '../domain/ports.ts';
import { hashOf } from './idempotency-keys.ts';
import { toJson } from './shortages.ts';

interface OrderRow {
  readonly order_id: bigint;
  readonly user_id: bigint;
  readonly status: OrderStatus;
}

interface CreatedRow extends OrderRow {
  readonly changed_at: Date;
}

interface ChangeRow extends CreatedRow {
  readonly seq: number;
}

interface ShownRow extends OrderRow {
  readonly created_at: Date;
  readonly items: readonly Item[];
}

interface OverdueRow extends Pick<OrderRow, 'order_id'> {
  readonly due_at: string;
}

/** An order's items as JSON, so that a page of orders is one statement with a row for each order. */
const ITEMS = `(
  SELECT json_agg(json_build_object('sku', sku, 'count', count) ORDER BY sku) FROM order_items
  WHERE order_items.order_id = orders.order_id
)`;

export function createOrderReader(database: Database): OrderReader {
  const select = () =>
    sql.select().from('orders').fields(['order_id', 'user_id', 'status', 'created_at']).field(ITEMS, 'items');
  return {
    async find(orderID, { signal }) {
      const find = statement`
        SELECT order_id, user_id, status, created_at, sku, count FROM orders JOIN order_items USING (order_id)
        WHERE order_id = ${orderID} ORDER BY sku`;
      const rows = await database.run<Omit<ShownRow, 'items'> & { sku: bigint; count: number }>('find order', find, {
        signal,
      });
      const [first] = rows;
      return first && toShownOrder({ ...first, items: rows.map(({ sku, count }) => ({ sku: Number(sku), count })) });
    },

    async list({ user, status }, countMax, after, { signal }) {
      const list = select().where('user_id = ?', user);
      if (status) list.where('status = ?', status);
      if (after) list.where('order_id < ?', after.orderID);
      list.order('order_id', false).limit(countMax);
      return (await database.run<ShownRow>('list orders', list, { signal })).map(toShownOrder);
    },
  };
}

export function createOverdueOrders(database: Database): OverdueOrders {
  return {
    async list(limit, after, { signal }) {
      // As text, since a date of JavaScript holds no microseconds, and the next page would begin at the wrong place.
      const list = sql.select().from('orders').field('order_id').field('payment_due_at::text', 'due_at');
      // Not clock_timestamp(), which may differ from row to row: an index serves a bound only if it stays the same.
      list.where('status = ?', 'awaiting payment').where('payment_due_at <= statement_timestamp()');
      if (after) list.where('(payment_due_at, order_id) > (?::timestamptz, ?)', after.dueAt, after.orderID);
      list.order('payment_due_at').order('order_id').limit(limit);
      const rows = await database.run<OverdueRow>('list overdue orders', list, { signal });
      return rows.map((row) => ({ orderID: row.order_id, dueAt: row.due_at }));
    },

    async nextDueMs({ signal }) {
      const read = statement`
        SELECT (1000 * extract(epoch FROM payment_due_at - statement_timestamp()))::float8 AS due_ms FROM orders
        WHERE status = 'awaiting payment' AND payment_due_at > statement_timestamp() ORDER BY payment_due_at LIMIT 1`;
      const [row] = await database.run<{ due_ms: number }>('read next due order', read, { signal });
      return row?.due_ms;
    },
  };
}

export interface OrdersOptions {
  /** How long an order may await payment, by the database's clock. */
  readonly paymentTimeoutMs: number;
  /** Called when events of the orders were added to the outbox, inside their transaction. */
  readonly onAdded: (orderIDs: readonly bigint[]) => void;
}

/**
 * Events carry milliseconds, so times are stored in milliseconds: an order's time to pay begins exactly when its history says
 * that it awaits payment, since statement_timestamp() is the same throughout a statement.
 */
export function createOrders(transaction: Executor, { paymentTimeoutMs, onAdded }: OrdersOptions): Orders {
  return {
    async create(orders) {
      // Failed orders alone move no stock: their transaction has a name of its own.
      const name = orders.some(({ shortages }) => shortages.length === 0) ? 'create orders' : 'create failed orders';
      const insert = insertOrders(orders, paymentTimeoutMs);
      const rows = await transaction.run<CreatedRow>(name, insert, { isLast: true }).catch(refuseStoredKey);
      onAdded(column(rows, 'order_id'));
      return rows.map(({ order_id: orderID, user_id: user, status, changed_at: at }): FirstSteps => {
        const order = { orderID, user, at };
        return [
          { ...order, seq: 1, status: 'new' },
          { ...order, seq: 2, status },
        ];
      });
    },

    async settle(calls, to) {
      const name = to === 'payed' ? 'pay orders' : 'cancel orders';
      const rows = await transaction.run<ChangeRow>(name, settleOrders(calls, to), { isLast: true });
      onAdded(column(rows, 'order_id'));
      return rows.map(toChange);
    },

    async find(orderIDs) {
      const find = statement`SELECT order_id, user_id, status FROM orders WHERE order_id = ANY(${orderIDs}::bigint[])`;
      return (await transaction.run<OrderRow>('find orders', find)).map(toOrder);
    },

    async lockOverdue(orderID) {
      const lock = statement`
        SELECT order_id, user_id, status FROM orders
        WHERE order_id = ${orderID} AND status = 'awaiting payment' AND payment_due_at <= statement_timestamp()
        FOR UPDATE SKIP LOCKED`;
      const [row] = await transaction.run<OrderRow>('lock overdue order', lock);
      return row && toOrder(row);
    },
  };
}

/** Another transaction has stored the key since the keys were read. The next attempt finds it. */
function refuseStoredKey(error: unknown): never {
  if (!isViolationOf('idempotency_keys_pkey', error)) throw error;
  throw new LostRace('Another transaction has used an idempotency key of these orders', { cause: error });
}

/** One statement for all tables: each statement costs its round trip, its parsing and its planning, however few its rows. */
function insertOrders(orders: readonly NewOrder[], paymentTimeoutMs: number): Statement {
  const users = orders.map(({ user }) => user);
  const statuses = orders.map(({ shortages }) => (shortages.length === 0 ? 'awaiting payment' : 'failed'));
  // Postgres counts the rows of unnest() from 1.
  const lines = orders.flatMap(({ items }, index) => items.map((item) => ({ nr: index + 1, ...item })));
  const parts = orders.flatMap(({ reservations }, index) => reservations.map((part) => ({ nr: index + 1, ...part })));
  const keys = orders.flatMap(({ claim, shortages }, index) => {
    return claim ? [{ nr: index + 1, ...claim.key, hash: hashOf(claim.body), shortages: toJson(shortages) }] : [];
  });
  const { requestIDs, traceparents, tracestates, baggages } = causesOf(orders);
  return preparedStatement`
    WITH created AS MATERIALIZED (
      SELECT nextval('orders_order_id_seq') AS order_id, chosen.*, date_trunc('milliseconds', statement_timestamp()) AS now
      FROM unnest(
        ${users}::bigint[], ${statuses}::text[], ${orders.map(newEventID)}::uuid[], ${orders.map(newEventID)}::uuid[],
        ${requestIDs}::text[], ${traceparents}::text[], ${tracestates}::text[], ${baggages}::text[]
      ) WITH ORDINALITY
        AS chosen (user_id, status, first_event, second_event, request_id, traceparent, tracestate, baggage, nr)
    ), steps AS MATERIALIZED (
      SELECT created.*, step.* FROM created,
        LATERAL (VALUES (1, 'new', first_event), (2, created.status, second_event)) AS step (seq, step, event_id)
    ), inserted AS (
      INSERT INTO orders (order_id, user_id, status, seq, payment_due_at)
      SELECT order_id, user_id, status, 2,
        CASE status WHEN 'awaiting payment' THEN now + ${paymentTimeoutMs}::float8 * interval '1 millisecond' END
      FROM created
    ), lines AS (
      INSERT INTO order_items (order_id, sku, count)
      SELECT order_id, sku, count FROM created JOIN unnest(
        ${column(lines, 'nr')}::bigint[], ${column(lines, 'sku')}::bigint[], ${column(lines, 'count')}::integer[]
      ) AS line (nr, sku, count) USING (nr)
    ), history AS (
      INSERT INTO order_status_history (order_id, seq, status, changed_at)
      SELECT order_id, seq, step, now FROM steps
    ), events AS (
      INSERT INTO outbox (available_at, event_id, order_id, seq, user_id, status, changed_at,
        request_id, traceparent, tracestate, baggage)
      SELECT statement_timestamp(), event_id, order_id, seq, user_id, step, now, request_id, traceparent, tracestate, baggage
      FROM steps
    ), parts AS MATERIALIZED (
      SELECT * FROM unnest(
        ${column(parts, 'nr')}::bigint[], ${column(parts, 'sku')}::bigint[], ${column(parts, 'warehouseID')}::bigint[],
        ${column(parts, 'count')}::integer[]
      ) AS part (nr, sku, warehouse_id, count)
    ), held AS (
      INSERT INTO reservations (order_id, sku, warehouse_id, count)
      SELECT order_id, sku, warehouse_id, count FROM created JOIN parts USING (nr)
    ), moved AS (
      UPDATE stocks SET on_sale = on_sale - total, reserved = reserved + total
      FROM (SELECT sku, warehouse_id, sum(count) AS total FROM parts GROUP BY sku, warehouse_id) AS taken
      WHERE stocks.sku = taken.sku AND stocks.warehouse_id = taken.warehouse_id
    ), claimed AS (
      INSERT INTO idempotency_keys (key, user_id, caller, body_hash, order_id, shortages)
      SELECT key, user_id, caller, body_hash, order_id, shortages FROM created JOIN unnest(
        ${column(keys, 'nr')}::bigint[], ${column(keys, 'text')}::text[], ${column(keys, 'caller')}::text[],
        ${column(keys, 'hash')}::bytea[], ${column(keys, 'shortages')}::jsonb[]
      ) AS outcome (nr, key, caller, body_hash, shortages) USING (nr)
      ORDER BY key, user_id, caller
    )
    SELECT order_id, user_id, status, now AS changed_at FROM created ORDER BY nr`;
}

/**
 * Locks the orders, then the stock: the rows of `held` are sorted, and so all of them are there, before the first is locked.
 * Only an order that awaits payment has a due time, and no step leads there. `num_nonnulls` in place of the status keeps the planner off
 * the index of orders that await payment: a plan that is kept from a moment with few of them would read all of them each time.
 */
function settleOrders(calls: readonly SettleCall[], to: Settled): Statement {
  const orderIDs = column(calls, 'orderID');
  const { requestIDs, traceparents, tracestates, baggages } = causesOf(calls);
  return preparedStatement`
    WITH moment AS (SELECT date_trunc('milliseconds', statement_timestamp()) AS now),
    awaiting AS (
      SELECT order_id FROM orders WHERE order_id = ANY(${orderIDs}::bigint[]) AND num_nonnulls(payment_due_at) = 1
      ORDER BY order_id FOR NO KEY UPDATE
    ), moved AS (
      UPDATE orders SET status = ${to}, seq = seq + 1, payment_due_at = NULL
      FROM awaiting WHERE orders.order_id = awaiting.order_id RETURNING orders.*
    ), history AS (
      INSERT INTO order_status_history (order_id, seq, status, changed_at)
      SELECT order_id, seq, status, now FROM moved, moment
    ), events AS (
      INSERT INTO outbox (available_at, event_id, order_id, seq, user_id, status, changed_at,
        request_id, traceparent, tracestate, baggage)
      SELECT statement_timestamp(), event_id, order_id, seq, user_id, status, now, request_id, traceparent, tracestate, baggage
      FROM moved JOIN unnest(
        ${orderIDs}::bigint[], ${calls.map(newEventID)}::uuid[],
        ${requestIDs}::text[], ${traceparents}::text[], ${tracestates}::text[], ${baggages}::text[]
      ) AS cause (order_id, event_id, request_id, traceparent, tracestate, baggage) USING (order_id), moment
    ), removed AS (
      DELETE FROM reservations USING moved WHERE reservations.order_id = moved.order_id
      RETURNING sku, warehouse_id, count
    ), held AS (
      SELECT sku, warehouse_id, count FROM removed JOIN stocks USING (sku, warehouse_id)
      ORDER BY sku, warehouse_id FOR UPDATE OF stocks
    ), freed AS (
      UPDATE stocks SET reserved = reserved - total,
        sold = sold + CASE WHEN ${to} = 'payed' THEN total ELSE 0 END,
        on_sale = on_sale + CASE WHEN ${to} = 'cancelled' THEN total ELSE 0 END
      FROM (SELECT sku, warehouse_id, sum(count) AS total FROM held GROUP BY sku, warehouse_id) AS returned
      WHERE stocks.sku = returned.sku AND stocks.warehouse_id = returned.warehouse_id
    )
    SELECT order_id, user_id, status, seq, now AS changed_at FROM moved, moment`;
}

/** What is stored with the events of each call. */
function causesOf(calls: readonly { readonly context: Context }[]) {
  const texts = (name: 'requestId' | 'traceparent' | 'tracestate' | 'baggage') =>
    calls.map(({ context }) => context[name] ?? null);
  return {
    requestIDs: texts('requestId'),
    traceparents: texts('traceparent'),
    tracestates: texts('tracestate'),
    baggages: texts('baggage'),
  };
}

function newEventID(): string {
  return randomUUID();
}

function column<Row, Name extends keyof Row>(rows: readonly Row[], name: Name): Row[Name][] {
  return rows.map((row) => row[name]);
}

function toOrder(row: OrderRow): Order {
  return { orderID: row.order_id, user: row.user_id, status: row.status };
}

function toShownOrder({ created_at, items, ...row }: ShownRow): ShownOrder {
  return { ...toOrder(row), createdAt: created_at, items };
}

function toChange(row: ChangeRow): StatusChange {
  return { ...toOrder(row), seq: row.seq, at: row.changed_at };
}
