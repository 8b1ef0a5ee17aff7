import { arrayLiteral, type Database, type Executor, sql } from 'service-kit';
import type { Order, OrderReader, OrderStatus, Orders, OverdueOrders, StatusChange } from '../domain/ports.ts';

interface OrderRow {
  readonly order_id: bigint;
  readonly user_id: bigint;
  readonly status: OrderStatus;
}

interface ChangeRow extends OrderRow {
  readonly seq: number;
  readonly changed_at: Date;
}

/**
 * Events carry milliseconds, so no more than that is kept: what is read back equals what was told. It is the same
 * throughout a statement: an order's time to pay begins exactly when its history says that the wait began.
 */
const NOW = "date_trunc('milliseconds', statement_timestamp())";

export function createOrderReader(database: Database): OrderReader {
  return {
    async find(orderID, { signal }) {
      const statement = sql
        .select()
        .from('orders')
        .join('order_items', null, 'order_items.order_id = orders.order_id')
        .fields(['orders.order_id', 'user_id', 'status', 'sku', 'count'])
        .where('orders.order_id = ?', orderID)
        .order('sku');
      const rows = await database.run<OrderRow & { sku: bigint; count: number }>('find order', statement, {
        signal,
      });
      const [first] = rows;
      return first && { ...toOrder(first), items: rows.map(({ sku, count }) => ({ sku: Number(sku), count })) };
    },
  };
}

export function createOverdueOrders(database: Database): OverdueOrders {
  return {
    async list(limit, { signal }) {
      const statement = whereOverdue(sql.select().from('orders').field('order_id'))
        .order('payment_due_at')
        .limit(limit);
      const rows = await database.run<Pick<OrderRow, 'order_id'>>('list overdue orders', statement, { signal });
      return rows.map((row) => row.order_id);
    },
  };
}

/** @param paymentTimeoutMs how long an order may await payment, counted by the database's clock */
export function createOrders(transaction: Executor, paymentTimeoutMs: number): Orders {
  const lockable = () => sql.select().from('orders').fields(['order_id', 'user_id', 'status']);

  async function lock(name: string, statement: ReturnType<typeof lockable>): Promise<Order | undefined> {
    const [row] = await transaction.run<OrderRow>(name, statement);
    return row && toOrder(row);
  }

  return {
    async create(user, items) {
      // One statement for the order, its lines and the first row of its history.
      const order = sql.insert().into('orders').set('user_id', user).set('status', 'new').set('seq', 1).returning('*');
      const lines = sql
        .insert()
        .into('order_items')
        .fromQuery(
          ['order_id', 'sku', 'count'],
          sql
            .select()
            .from('created')
            .field('order_id')
            .field(sql.str('unnest(?::bigint[])', arrayLiteral(items.map(({ sku }) => sku))))
            .field(sql.str('unnest(?::integer[])', arrayLiteral(items.map(({ count }) => count)))),
        );
      const statement = sql.select().with('created', order).with('lines', lines).with('history', recordOf('created'));
      return toChange(
        await runOne(transaction, 'create order', statement.from('created').from('history').fields(CHANGE('created'))),
      );
    },

    lock: (orderID) => lock('lock order', lockable().where('order_id = ?', orderID).for('UPDATE')),

    lockOverdue: (orderID) =>
      lock('lock overdue order', whereOverdue(lockable()).where('order_id = ?', orderID).for('UPDATE SKIP LOCKED')),

    async move(orderID, from, to) {
      const due = sql.str(`${NOW} + ? * interval '1 millisecond'`, paymentTimeoutMs);
      const moved = sql
        .update()
        .table('orders')
        .set('status', to)
        .set('seq', sql.str('seq + 1'))
        .set('payment_due_at', to === 'awaiting payment' ? due : null)
        .where('order_id = ?', orderID)
        .where('status = ?', from)
        .returning('*');
      const statement = sql.select().with('moved', moved).with('history', recordOf('moved'));
      const [row] = await transaction.run<ChangeRow>(
        'move order',
        statement.from('moved').from('history').fields(CHANGE('moved')),
      );
      return row && toChange(row);
    },
  };
}

const CHANGE = (order: string) => [
  `${order}.order_id`,
  `${order}.user_id`,
  `${order}.status`,
  `${order}.seq`,
  'changed_at',
];

/** The history row of an order that the same statement has just made or moved. */
function recordOf(order: string) {
  const step = sql.select().from(order).fields(['order_id', 'seq', 'status']).field(sql.str(NOW));
  return sql
    .insert()
    .into('order_status_history')
    .fromQuery(['order_id', 'seq', 'status', 'changed_at'], step)
    .returning('changed_at');
}

/** Not clock_timestamp(), which may differ from row to row: an index is of use only where the bound stays the same. */
function whereOverdue<S extends { where(condition: string, ...values: unknown[]): S }>(statement: S): S {
  return statement.where('status = ?', 'awaiting payment').where('payment_due_at <= statement_timestamp()');
}

async function runOne(
  transaction: Executor,
  name: string,
  statement: Parameters<Executor['run']>[1],
): Promise<ChangeRow> {
  const [row] = await transaction.run<ChangeRow>(name, statement);
  if (!row) throw new Error(`${name}: no row came back`);
  return row;
}

function toOrder(row: OrderRow): Order {
  return { orderID: row.order_id, user: row.user_id, status: row.status };
}

function toChange(row: ChangeRow): StatusChange {
  return { ...toOrder(row), seq: row.seq, at: row.changed_at };
}
