import { type Database, type Executor, type Statement, sql, statement } from 'service-kit';
import type {
  Item,
  Order,
  OrderReader,
  OrderStatus,
  Orders,
  OverdueOrders,
  ShownOrder,
  StatusChange,
} from '../domain/ports.ts';

interface OrderRow {
  readonly order_id: bigint;
  readonly user_id: bigint;
  readonly status: OrderStatus;
}

interface ChangeRow extends OrderRow {
  readonly seq: number;
  readonly changed_at: Date;
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
  };
}

/**
 * Events carry milliseconds, so times are stored in milliseconds: an order's time to pay begins exactly when its history says
 * that it awaits payment, since statement_timestamp() is the same throughout a statement.
 * @param paymentTimeoutMs how long an order may await payment, by the database's clock
 */
export function createOrders(transaction: Executor, paymentTimeoutMs: number): Orders {
  async function lock(name: string, locking: Statement): Promise<Order | undefined> {
    const [row] = await transaction.run<OrderRow>(name, locking);
    return row && toOrder(row);
  }

  return {
    async create(user, items, becomes) {
      const skus = items.map(({ sku }) => sku);
      const counts = items.map(({ count }) => count);
      const timeoutMs = becomes === 'awaiting payment' ? paymentTimeoutMs : null;
      const create = statement`
        WITH moment AS (SELECT date_trunc('milliseconds', statement_timestamp()) AS now),
        created AS (
          INSERT INTO orders (user_id, status, seq, payment_due_at)
          SELECT ${user}::bigint, ${becomes}::text, 2, now + ${timeoutMs}::float8 * interval '1 millisecond' FROM moment
          RETURNING order_id
        ), lines AS (
          INSERT INTO order_items (order_id, sku, count)
          SELECT order_id, unnest(${skus}::bigint[]), unnest(${counts}::integer[]) FROM created
        ), history AS (
          INSERT INTO order_status_history (order_id, seq, status, changed_at)
          SELECT order_id, step.seq, step.status, now
          FROM created, moment, (VALUES (1, 'new'), (2, ${becomes}::text)) AS step (seq, status)
        )
        SELECT order_id, now AS changed_at FROM created, moment`;
      const [row] = await transaction.run<Pick<ChangeRow, 'order_id' | 'changed_at'>>('create order', create);
      if (!row) throw new Error('create order: no row came back');
      const order = { orderID: row.order_id, user, at: row.changed_at };
      return [
        { ...order, seq: 1, status: 'new' },
        { ...order, seq: 2, status: becomes },
      ];
    },

    lock: (orderID) =>
      lock(
        'lock order',
        statement`SELECT order_id, user_id, status FROM orders WHERE order_id = ${orderID} FOR UPDATE`,
      ),

    lockOverdue: (orderID) =>
      lock(
        'lock overdue order',
        statement`
          SELECT order_id, user_id, status FROM orders
          WHERE order_id = ${orderID} AND status = 'awaiting payment' AND payment_due_at <= statement_timestamp()
          FOR UPDATE SKIP LOCKED`,
      ),

    async move(orderID, from, to) {
      // Only an order that awaits payment has a due time, and no step leads there.
      const move = statement`
        WITH moment AS (SELECT date_trunc('milliseconds', statement_timestamp()) AS now),
        moved AS (
          UPDATE orders SET status = ${to}, seq = seq + 1, payment_due_at = NULL
          WHERE order_id = ${orderID} AND status = ${from} RETURNING *
        ), history AS (
          INSERT INTO order_status_history (order_id, seq, status, changed_at)
          SELECT order_id, seq, status, now FROM moved, moment
        )
        SELECT order_id, user_id, status, seq, now AS changed_at FROM moved, moment`;
      const [row] = await transaction.run<ChangeRow>('move order', move);
      return row && toChange(row);
    },
  };
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
