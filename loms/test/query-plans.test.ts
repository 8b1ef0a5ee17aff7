import assert from 'node:assert/strict';
import type { Database } from 'service-kit';
import {
  itReadsByIndexOnly,
  keptPlanOf,
  lastOf,
  PLANNED_ORDERS,
  pretendRows,
  type RanStatement,
  rowsReadBy,
  writePast,
} from 'testing';
import { cancelOverdueOrder } from '../src/domain/settle-orders.ts';
import { forgetDeliveredEvents } from '../src/outbox/cleaning.ts';
import { createBacklogReader, createEventQueue } from '../src/outbox/rows.ts';
import { createAwaitingReader } from '../src/repository/awaiting.ts';
import { createStore } from '../src/repository/store.ts';
import { eventually, type Loms, openLoms, outboxToDrain, settle } from './loms-fixture.ts';

/** Every statement that loms has, but for the checks of its readiness and its journal of operations (see those of checkout). */
const STATEMENTS = [
  'acknowledge events',
  'cancel orders',
  'claim events',
  'claim stock adjustment',
  'create failed orders',
  'create orders',
  'create stock',
  'find idempotency keys',
  'find last change',
  'find order',
  'find orders',
  'find stock adjustment',
  'forget delivered events',
  'list orders',
  'list overdue orders',
  'lock overdue order',
  'lock stock',
  'lock stocks',
  'pay orders',
  'postpone events',
  'read awaiting',
  'read backlog',
  'read changes',
  'read next due order',
  'release events',
  'settle stock adjustment',
  'stocks on sale',
  'supply stock',
];

/** Few enough for every run, in which the planner takes them for a million; `ORDERS=1000000` writes all of these. */
const ORDERS = Number(process.env.ORDERS ?? 20_000);
/** A limit against hanging, and not against a busy machine: to write the past takes seconds. */
const PAST_MAX_MS = 60_000 + 2 * ORDERS;

/** Orders whose events wait in some tests: a statement changes those of all of them, within the role's limit. */
const MANY = 2_000;

/** The tables that grow with the orders, and the stock, which grows with the catalogue. */
const TABLES = [
  'orders',
  'order_items',
  'order_status_history',
  'outbox',
  'reservations',
  'stocks',
  'idempotency_keys',
  'stock_adjustments',
];

/** Longer than any machine needs to write the past, of which nothing is to be forgotten. */
const EVENTS_KEPT_MS = 3_600_000;

const STOCKS = `
  INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale, reserved, sold)
  SELECT sku, warehouse, 30000000, 30000000, 10000000, 10000000, 10000000
  FROM generate_series(1, 2000) sku, generate_series(1, 3) warehouse`;

/** A past: one order in ten awaits payment, all others are settled, and all events are delivered. */
const pastOf = (first: number, last: number): readonly string[] => [
  `INSERT INTO orders (user_id, status, seq, payment_due_at)
  SELECT i % 997,
    CASE i % 10 WHEN 0 THEN 'awaiting payment' WHEN 1 THEN 'cancelled' WHEN 2 THEN 'failed' ELSE 'payed' END,
    CASE i % 10 WHEN 0 THEN 2 WHEN 2 THEN 2 ELSE 3 END,
    CASE i % 10 WHEN 0 THEN now() + interval '1 hour' + i * interval '1 millisecond' END
  FROM generate_series(${first}, ${last}) i`,

  `INSERT INTO order_items
  SELECT order_id, (order_id + n) % 2000 + 1, 2 FROM orders, generate_series(1, 3) n
  WHERE order_id BETWEEN ${first} AND ${last}`,

  `INSERT INTO reservations
  SELECT order_id, sku, order_id % 3 + 1, count FROM orders JOIN order_items USING (order_id)
  WHERE status = 'awaiting payment' AND order_id BETWEEN ${first} AND ${last}`,

  `INSERT INTO order_status_history
  SELECT order_id, n,
    CASE WHEN n = orders.seq THEN status WHEN n = 1 THEN 'new' ELSE 'awaiting payment' END,
    now() - interval '1 hour'
  FROM orders, generate_series(1, orders.seq) n
  WHERE order_id BETWEEN ${first} AND ${last}`,

  `INSERT INTO outbox (event_id, order_id, seq, user_id, status, changed_at, delivered_at, attempts)
  SELECT gen_random_uuid(), order_id, history.seq, user_id, history.status, changed_at, now(), 1
  FROM order_status_history history JOIN orders USING (order_id)
  WHERE order_id BETWEEN ${first} AND ${last}`,

  `INSERT INTO idempotency_keys (key, caller, user_id, body_hash, order_id)
  SELECT 'key ' || order_id, 'checkout', user_id, sha256(order_id::text::bytea), order_id FROM orders
  WHERE order_id BETWEEN ${first} AND ${last}`,

  `INSERT INTO stock_adjustments (key, caller, actor, sku, warehouse_id, delta, on_sale)
  SELECT 'key ' || i, 'gateway', i % 7, i % 2000 + 1, i % 3 + 1, 1, 1 FROM generate_series(${first}, ${last}) i`,
];

/** Has each of the statements run at least once, in the way that it is always run. */
async function runEveryStatement({ client, database, query, ...loms }: Loms): Promise<void> {
  const order = { user: 1n, items: [1, 2, 3].map((sku) => ({ sku, count: 2 })), idempotencyKey: 'a new key' };
  const { orderID: paid } = await client.createOrder(order);
  await client.createOrder(order);
  await client.orderPayed({ orderID: paid });
  await client.orderPayed({ orderID: paid });
  await client.cancelOrder({ orderID: 10n });
  await client.listOrder({ orderID: paid });
  await client.stocks({ sku: 1 });
  await client.getOrder({ orderID: paid });
  await Array.fromAsync(client.watchOrder({ orderID: paid, afterSeq: 1 }));
  await client.listOrders({ user: 1n, limit: 20 });
  const adjustment = { sku: 1, warehouseID: 1n, delta: 1n, idempotencyKey: 'a new key', actor: 1n };
  for (let time = 0; time < 2; time++) await client.adjustStock(adjustment);
  await settle(() => client.createOrder({ ...order, items: [{ sku: 0, count: 1 }], idempotencyKey: 'no goods' }));
  const store = createStore(database, { paymentTimeoutMs: 600_000 });
  await cancelOverdueOrder(store, 20n, new AbortController());
  await outboxToDrain({ query });
  const queue = createEventQueue(database);
  const event = { eventID: '', orderID: paid, seq: 3, user: 1n, status: 'payed', at: new Date() } as const;
  await queue.postpone([{ event, delayMs: 100 }], new AbortController());
  await queue.release([event], new AbortController());
  await createBacklogReader(database).read(100, new AbortController());
  await createAwaitingReader(database).read(100, new AbortController());
  await forgetDeliveredEvents(database, EVENTS_KEPT_MS);
  const names = () => new Set(loms.statements.map(({ name }) => name));
  await eventually(
    'the background work has begun',
    () => names().has('read next due order'),
    (begun) => begun,
  );
}

describe('The statements of loms', () => {
  let loms: Loms;
  before(async function () {
    this.timeout(PAST_MAX_MS);
    loms = await openLoms();
    await loms.query(STOCKS);
    await writePast(loms.query, { orders: ORDERS, tables: TABLES, statementsOf: pastOf });
    await runEveryStatement(loms);
    await pretendRows(loms.testDatabase, PLANNED_ORDERS / ORDERS);
  });
  after(() => loms[Symbol.asyncDispose]());

  const ran = () => loms.statements;
  const statement = (name: string): RanStatement => lastOf(ran(), name);

  itReadsByIndexOnly({
    folder: 'loms/src/{repository,outbox}',
    names: STATEMENTS,
    tables: TABLES,
    ran,
    trial: (work) => loms.trial(work),
  });

  const filters = { 'all orders': {}, 'the paid orders': { status: 'payed' } } as const;
  for (const [what, filter] of Object.entries(filters)) {
    it(`read one page of ${what} of a user, on the first page and far behind it`, async () => {
      const list = async (cursor?: string) => {
        const page = await loms.client.listOrders({ user: 7n, limit: 3, ...filter, cursor });
        const rows = await loms.trial((query) => rowsReadBy(query, statement('list orders')));
        // One order more than the page has, and three items of each.
        assert.deepEqual([page.orders.length, rows], [3, 4 + 4 * 3]);
        return page.nextCursor;
      };
      for (let page = 0, cursor: string | undefined; page < 3; page++) cursor = await list(cursor);
    });
  }

  it('read the changes of a thousand watched orders by the index, and of each only those behind its place', async () => {
    const rows = await loms.trial(async (query) => {
      const { text, values } = statement('read changes');
      const watched = Array.from({ length: 1_000 }, (_, index) => BigInt(index + 1));
      // One in ten awaits payment, with two changes; two in ten have failed, or were cancelled.
      return rowsReadBy(query, {
        text,
        values: [watched, watched.map(() => 2), ...(values ?? []).slice(2)],
      } as RanStatement);
    });
    assert.ok(rows <= 1_000, `${rows} rows were read`);
  });

  it('look at overdue orders only, however many others await payment', async () => {
    const rows = await loms.trial(async (query) => {
      const before = await rowsReadBy(query, statement('list overdue orders'));
      await query('UPDATE orders SET payment_due_at = now() WHERE order_id IN (30, 40, 50)');
      return [before, await rowsReadBy(query, statement('list overdue orders'))];
    });
    assert.deepEqual(rows, [0, 3]);
  });

  it('look at no event that was delivered, and at one of those that rest', async () => {
    const rows = await loms.trial(async (query) => {
      const before = await rowsReadBy(query, statement('claim events'));
      await query(
        `UPDATE outbox SET delivered_at = NULL, available_at = now() + interval '1 minute' WHERE order_id <= ${MANY}`,
      );
      return [before, await rowsReadBy(query, statement('claim events'))];
    });
    // The one that is due first.
    assert.deepEqual(rows, [0, 1]);
  });

  it('look at events that can be forgotten only, however many others were delivered', async () => {
    const rows = await loms.trial(async (query) => {
      const before = await rowsReadBy(query, statement('forget delivered events'));
      await query("UPDATE outbox SET delivered_at = now() - interval '2 hours' WHERE order_id IN (30, 40, 50)");
      return [before, await rowsReadBy(query, statement('forget delivered events'))];
    });
    const [before = Number.NaN, after = Number.NaN] = rows;
    assert.ok(before <= 2 && after > before && after < 50, `${before} and ${after} rows were read`);
  });

  it('count no event that was delivered', async () => {
    const rows = await loms.trial(async (query) => {
      const before = await rowsReadBy(query, statement('read backlog'));
      await query('UPDATE outbox SET delivered_at = NULL WHERE order_id BETWEEN 1001 AND 1100');
      return [before, await rowsReadBy(query, statement('read backlog'))];
    });
    assert.ok(rows[0] === 0 && (rows[1] ?? 0) > 0 && (rows[1] ?? 0) <= 200, `${rows} rows were read`);
  });

  it('look at no event that waits behind one that rests', async () => {
    const rows = await loms.trial(async (query) => {
      await query('UPDATE outbox SET delivered_at = NULL WHERE order_id BETWEEN 1001 AND 1100');
      const queue = createEventQueue({
        run(_name, statement) {
          const { text, values } = statement.toParam();
          return query(text, values) as Promise<never>;
        },
      } as Partial<Database> as Database);
      const context = new AbortController();
      let refused = 0;
      for (;;) {
        const { claimed } = await queue.advance([], 50, 15_000, context);
        if (claimed.length === 0) break;
        const heads = claimed.filter(({ seq }) => seq === 1).map((event) => ({ event, delayMs: 60_000 }));
        await queue.postpone(heads, context);
        refused += heads.length;
      }
      assert.equal(refused, 100);
      return rowsReadBy(query, statement('claim events'));
    });
    assert.equal(rows, 1);
  });

  it('have one index of undelivered events: each further one costs an entry for each insert and claim, and misleads the planner', async () => {
    const indexes = await loms.query(
      "SELECT indexname FROM pg_indexes WHERE tablename = 'outbox' AND indexdef LIKE '%WHERE (delivered_at IS NULL)'",
    );
    assert.deepEqual(indexes, [{ indexname: 'outbox_available' }]);
  });

  it('look at few events more than they claim when many wait, whether the statistics know that or not', async () => {
    const read = await loms.trial(async (query) => {
      await query(`UPDATE outbox SET delivered_at = NULL, available_at = now() WHERE order_id <= ${MANY}`);
      const before = await rowsReadBy(query, statement('claim events'));
      await query('ANALYZE outbox');
      return [before, await rowsReadBy(query, statement('claim events'))];
    });
    // 375 are claimed, of 5,600.
    for (const rows of read) assert.ok(rows > 0 && rows < 1_500, `${rows} rows were read`);
  });

  it('find orders to pay by their ids, also by a plan that is kept from a moment in which none awaited payment', async () => {
    const lines = await loms.trial(async (query) => {
      await query("UPDATE orders SET status = 'cancelled', payment_due_at = NULL WHERE status = 'awaiting payment'");
      await query('ANALYZE orders');
      return keptPlanOf(query, statement('pay orders'));
    });
    assert.ok(lines.some((line) => line.includes('orders_pkey')));
    assert.deepEqual(
      lines.filter((line) => line.includes('orders_payment_due')),
      [],
    );
  });
});
