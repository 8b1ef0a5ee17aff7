import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, RpcError } from 'rpc-kit';
import { loms as contract } from '../contract.ts';
import { createApp } from '../src/app.ts';
import { createBacklogReader, createEventQueue } from '../src/outbox/rows.ts';
import { createChangeReader } from '../src/repository/changes.ts';
import { createOrderReader, createOverdueOrders } from '../src/repository/orders.ts';
import { createStockReader } from '../src/repository/stocks.ts';
import { createStore } from '../src/repository/store.ts';
import { eventually, type Loms, type LomsClient, type Outcome, openPool, outcomeOf, withLoms } from './loms-fixture.ts';

const SKU = 1_076_963;
const ORDER = { user: 7n, items: [{ sku: SKU, count: 2 }] };

function assertFailed(outcome: Outcome<unknown>, code: string): asserts outcome is { readonly error: RpcError } {
  assert.ok('error' in outcome && outcome.error instanceof RpcError, 'it should have failed');
  assert.equal(outcome.error.code, code);
}

/** Runs the work while another transaction has locked the goods; the work gets a function that ends that transaction. */
async function whileGoodsAreLocked(loms: Loms, work: () => Promise<void>): Promise<void> {
  await loms.trial(async (query) => {
    await query('SELECT FROM stocks FOR UPDATE');
    await work();
  });
}

/** Waits until a call has got as far as to the goods that are locked, or until none waits for them any more. */
async function untilWaiting(loms: Loms, count: number): Promise<void> {
  await eventually(
    `${count} calls wait for the goods`,
    () => loms.query("SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"),
    (rows) => rows.length === count,
  );
}

/** Waits until nothing of the calls before is running any more in the database. */
async function untilAllIsOver(loms: Loms): Promise<void> {
  await eventually(
    'no transaction is open',
    () =>
      loms.query(`
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()`),
    (rows) => rows.length === 0,
  );
}

describe('A call that its caller gives up', () => {
  it(
    'leaves no order, no reservation and no event behind, and nothing of it goes on',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      await whileGoodsAreLocked(loms, async () => {
        const caller = new AbortController();
        const creating = outcomeOf(loms.client.createOrder(ORDER, { signal: caller.signal }));
        await untilWaiting(loms, 1);
        caller.abort();
        assertFailed(await creating, 'cancelled');
      });
      await untilAllIsOver(loms);
      assert.deepEqual(await loms.orderCounts(), {});
      assert.deepEqual(await loms.query('SELECT FROM outbox'), []);
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '10/0/0' });
    }),
  );

  it(
    'leaves its idempotency key free for the same call and for another one',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      const order = { ...ORDER, idempotencyKey: 'given up' };
      await whileGoodsAreLocked(loms, async () => {
        const caller = new AbortController();
        const creating = outcomeOf(loms.client.createOrder(order, { signal: caller.signal }));
        await untilWaiting(loms, 1);
        caller.abort();
        assertFailed(await creating, 'cancelled');
      });
      const { orderID } = await loms.client.createOrder({ ...order, user: 8n });
      assert.equal((await loms.client.listOrder({ orderID })).user, 8n);
    }),
  );

  it(
    'leaves an order that it would have paid or cancelled unchanged',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      const { orderID } = await loms.client.createOrder(ORDER);
      for (const call of [loms.client.orderPayed, loms.client.cancelOrder]) {
        await whileGoodsAreLocked(loms, async () => {
          const caller = new AbortController();
          const ending = outcomeOf(call({ orderID }, { signal: caller.signal }));
          await untilWaiting(loms, 1);
          caller.abort();
          assertFailed(await ending, 'cancelled');
          // It commits by its only message, so it must not get its goods before it is cancelled.
          await untilWaiting(loms, 0);
        });
        await untilAllIsOver(loms);
        assert.equal((await loms.client.listOrder({ orderID })).status, 'awaiting payment');
      }
      await loms.client.orderPayed({ orderID });
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '8/0/2' });
    }),
  );

  it(
    'is over at its deadline, and leaves nothing behind either',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      await whileGoodsAreLocked(loms, async () => {
        assertFailed(await outcomeOf(loms.client.createOrder(ORDER, { timeoutMs: 50 })), 'deadline_exceeded');
      });
      await untilAllIsOver(loms);
      assert.deepEqual(await loms.orderCounts(), {});
    }),
  );

  it(
    'is not even begun when its caller has gone before',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      const outcome = await outcomeOf(loms.client.createOrder(ORDER, { signal: AbortSignal.abort() }));
      assertFailed(outcome, 'cancelled');
      assert.ok(!loms.statements.some(({ name }) => name === 'lock stocks'));
    }),
  );
});

describe('A database that cannot be had', () => {
  const calls: Record<string, (client: LomsClient) => Promise<unknown>> = {
    createOrder: (client) => client.createOrder(ORDER),
    listOrder: (client) => client.listOrder({ orderID: 1n }),
    orderPayed: (client) => client.orderPayed({ orderID: 1n }),
    cancelOrder: (client) => client.cancelOrder({ orderID: 1n }),
    stocks: (client) => client.stocks({ sku: SKU }),
  };

  for (const [method, call] of Object.entries(calls)) {
    it(`makes ${method} fail as unavailable, with the time to wait and nothing of the inside`, async () => {
      const url = `postgres://loms:secret@127.0.0.1:${await closedPort()}/loms`;
      await using database = openPool(url, 2);
      await using app = createApp({
        openStore: (onEvents) => createStore(database, { paymentTimeoutMs: 600_000, onEvents }),
        orders: createOrderReader(database),
        stocks: createStockReader(database),
        changes: createChangeReader(database),
        overdue: createOverdueOrders(database),
        paymentTimeoutMs: 600_000,
        queue: createEventQueue(database),
        backlog: createBacklogReader(database),
        publisher: { publish: async () => [] },
        logger: pino({ level: 'silent' }),
        registry: new Registry(),
      });
      const outcome = await outcomeOf(call(createClient(contract, app.service)));
      assertFailed(outcome, 'unavailable');
      assert.equal(outcome.error.retryAfterMs, 1_000);
      assert.equal(outcome.error.message, 'The service cannot reach its data right now');
      assert.equal(outcome.error.details, undefined);
    });
  }

  it(
    'while a call is under way makes it fail as unavailable and leaves nothing behind',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      await whileGoodsAreLocked(loms, async () => {
        const creating = outcomeOf(loms.client.createOrder(ORDER));
        await untilWaiting(loms, 1);
        await loms.query(`
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`);
        assertFailed(await creating, 'unavailable');
      });
      assert.deepEqual(await loms.orderCounts(), {});
      // The pool has mended itself.
      await loms.client.createOrder(ORDER);
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '8/2/0' });
    }),
  );
});

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
