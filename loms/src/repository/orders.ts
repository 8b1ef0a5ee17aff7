import { type Database, type Executor, fixedStatement, type Statement, shapedStatement, sql } from 'service-kit';
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

interface OverdueRow extends Pick<OrderRow, 'order_id'> {
  readonly due_at: string;
}

/** As text, since a date of JavaScript holds no microseconds, and the list would go on at the wrong place. */
const DUE_AT = 'payment_due_at::text';

const HISTORY = ['order_id', 'seq', 'status', 'changed_at'];

/**
 * Events carry milliseconds, so no more than that is kept: what is read back equals what was told. It is the same
 * throughout a statement: an order's time to pay begins exactly when its history says that the wait began.
 */
const NOW = "date_trunc('milliseconds', statement_timestamp())";

const findOrder = fixedStatement<{ orderID: bigint }>(({ orderID }) =>
  sql
    .select()
    .from('orders')
    .join('order_items', null, 'order_items.order_id = orders.order_id')
    .fields(['orders.order_id', 'user_id', 'status', 'sku', 'count'])
    .where('orders.order_id = ?', orderID)
    .order('sku'),
);

export function createOrderReader(database: Database): OrderReader {
  return {
    async find(orderID, { signal }) {
      const rows = await database.run<OrderRow & { sku: bigint; count: number }>('find order', findOrder({ orderID }), {
        signal,
      });
      const [first] = rows;
      return first && { ...toOrder(first), items: rows.map(({ sku, count }) => ({ sku: Number(sku), count })) };
    },
  };
}

export function createOverdueOrders(database: Database): OverdueOrders {
  return {
    async list(limit, after, { signal }) {
      const statement = whereOverdue(sql.select().from('orders').field('order_id').field(DUE_AT, 'due_at'));
      if (after) statement.where('(payment_due_at, order_id) > (?::timestamptz, ?)', after.dueAt, after.orderID);
      statement.order('payment_due_at').order('order_id').limit(limit);
      const rows = await database.run<OverdueRow>('list overdue orders', statement, { signal });
      return rows.map((row) => ({ orderID: row.order_id, dueAt: row.due_at }));
    },
  };
}

/** @param paymentTimeoutMs how long an order may await payment, counted by the database's clock */
export function createOrders(transaction: Executor, paymentTimeoutMs: number): Orders {
  async function lock(name: string, statement: Statement): Promise<Order | undefined> {
    const [row] = await transaction.run<OrderRow>(name, statement);
    return row && toOrder(row);
  }

  return {
    async create(user, items, becomes) {
      const skus = items.map(({ sku }) => sku);
      const counts = items.map(({ count }) => count);
      const statement = createOrder(becomes, { user, skus, counts, statuses: ['new', becomes], paymentTimeoutMs });
      const [row] = await transaction.run<Pick<ChangeRow, 'order_id' | 'changed_at'>>('create order', statement);
      if (!row) throw new Error('create order: no row came back');
      const order = { orderID: row.order_id, user, at: row.changed_at };
      return [
        { ...order, seq: 1, status: 'new' },
        { ...order, seq: 2, status: becomes },
      ];
    },

    lock: (orderID) => lock('lock order', lockOrder({ orderID })),

    lockOverdue: (orderID) => lock('lock overdue order', lockOverdueOrder({ orderID })),

    async move(orderID, from, to) {
      const [row] = await transaction.run<ChangeRow>('move order', moveOrder({ orderID, from, to }));
      return row && toChange(row);
    },
  };
}

interface Created {
  readonly user: bigint;
  readonly skus: readonly number[];
  readonly counts: readonly number[];
  readonly statuses: FirstStatuses;
  readonly paymentTimeoutMs: number;
}

type FirstStatuses = readonly ['new', 'awaiting payment' | 'failed'];

/** One statement for the order, its lines and the first two rows of its history. */
const createOrder = shapedStatement<FirstStatuses[1], Created>(
  (becomes, { user, skus, counts, statuses, paymentTimeoutMs }) => {
    const order = sql.insert().into('orders').set('user_id', user).set('status', becomes).set('seq', 2);
    if (becomes === 'awaiting payment')
      order.set('payment_due_at', sql.str(`${NOW} + ? * interval '1 millisecond'`, paymentTimeoutMs));
    const lines = sql.insert().into('order_items');
    lines.fromQuery(
      ['order_id', 'sku', 'count'],
      sql
        .select()
        .from('created')
        .field('order_id')
        .field(sql.str('unnest(?::bigint[])', skus))
        .field(sql.str('unnest(?::integer[])', counts)),
    );
    const steps = sql
      .select()
      .from('created')
      .field('order_id')
      .field('unnest(ARRAY[1, 2])')
      .field(sql.str('unnest(?::text[])', statuses))
      .field(sql.str(NOW));
    const history = sql.insert().into('order_status_history').fromQuery(HISTORY, steps);
    const statement = sql.select().with('created', order.returning('order_id'));
    statement.with('lines', lines).with('history', history);
    return statement.from('created').field('order_id').field(sql.str(NOW), 'changed_at');
  },
);

const lockable = () => sql.select().from('orders').fields(['order_id', 'user_id', 'status']);

const lockOrder = fixedStatement<{ orderID: bigint }>(({ orderID }) =>
  lockable().where('order_id = ?', orderID).for('UPDATE'),
);

const lockOverdueOrder = fixedStatement<{ orderID: bigint }>(({ orderID }) =>
  whereOverdue(lockable()).where('order_id = ?', orderID).for('UPDATE SKIP LOCKED'),
);

interface Move {
  readonly orderID: bigint;
  readonly from: OrderStatus;
  readonly to: OrderStatus;
}

const moveOrder = fixedStatement<Move>(({ orderID, from, to }) => {
  const order = sql
    .update()
    .table('orders')
    .set('status', to)
    .set('seq', sql.str('seq + 1'))
    // Only an order that awaits payment has a time for it, and no step leads there.
    .set('payment_due_at', null)
    .where('order_id = ?', orderID)
    .where('status = ?', from)
    .returning('*');
  const step = sql.select().from('moved').fields(['order_id', 'seq', 'status']).field(sql.str(NOW));
  const history = sql.insert().into('order_status_history').fromQuery(HISTORY, step);
  const statement = sql.select().with('moved', order).with('history', history);
  return statement.from('moved').fields(['order_id', 'user_id', 'status', 'seq']).field(sql.str(NOW), 'changed_at');
});

/** Not clock_timestamp(), which may differ from row to row: an index is of use only where the bound stays the same. */
function whereOverdue<S extends { where(condition: string, ...values: unknown[]): S }>(statement: S): S {
  return statement.where('status = ?', 'awaiting payment').where('payment_due_at <= statement_timestamp()');
}

function toOrder(row: OrderRow): Order {
  return { orderID: row.order_id, user: row.user_id, status: row.status };
}

function toChange(row: ChangeRow): StatusChange {
  return { ...toOrder(row), seq: row.seq, at: row.changed_at };
}
