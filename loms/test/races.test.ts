import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { failedWith, RpcError } from 'rpc-kit';
import { isLostRace } from 'service-kit';
import { runInPool } from 'worker-pool';
import { loms as contract } from '../contract.ts';
import { cancelOverdueOrder } from '../src/domain/settle-orders.ts';
import { createStore } from '../src/repository/store.ts';
import {
  createOrders,
  type Loms,
  type LomsClient,
  outboxToDrain,
  outcomeOf,
  settle,
  withLoms,
} from './loms-fixture.ts';

const { createOrder, orderPayed, cancelOrder } = contract.methods;
const SKU = 1_076_963;
/** What calls may fail with; running out of time is no mistake on a slow machine. */
const REFUSALS = new Set(['out_of_stock', 'order_not_payable', 'order_not_cancellable', 'deadline_exceeded']);

/** Repeatable choices (mulberry32); the seed is in the test's output. */
function seeded(test: string): (below: number) => number {
  let state = Number(process.env.SEED ?? randomInt(2 ** 31));
  console.log(`        ${test}: SEED=${state}`);
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Side by side, but not so many that they run out of time while they queue for the same goods. */
const RACES_AT_A_TIME = { concurrency: 4 };

async function buy(client: LomsClient, user: number): Promise<'bought' | 'out of stock'> {
  const order = { user: BigInt(user), items: [{ sku: SKU, count: 1 }], idempotencyKey: `buyer ${user}` };
  const outcome = await settle(() => client.createOrder(order));
  if ('ok' in outcome) return 'bought';
  assert.ok(failedWith(outcome.error, createOrder, 'out_of_stock'), String(outcome.error));
  return 'out of stock';
}

async function statusOf({ client }: Loms, orderID: bigint): Promise<string> {
  return (await client.listOrder({ orderID })).status;
}

function assertNoLostRaces({ statements }: Loms): void {
  const lost = statements.filter(({ error }) => isLostRace(error));
  assert.deepEqual(lost, [], 'with a fixed lock order no transaction loses');
}

describe('Races', () => {
  it(
    'of 200 buyers for 50 units make exactly 50 orders that await payment, and 150 that failed',
    withLoms(async (loms) => {
      const other = loms.start();
      await loms.supply(SKU, { 1: 20, 2: 25, 3: 5 });
      const buyers = Array.from({ length: 200 }, (_, user) => buy(user % 2 ? loms.client : other.client, user));
      const bought = (await Promise.all(buyers)).filter((outcome) => outcome === 'bought');
      assert.equal(bought.length, 50);
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 50, failed: 150 });
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '0/20/0', 2: '0/25/0', 3: '0/5/0' });

      const rows = await loms.query("SELECT order_id FROM orders WHERE status = 'awaiting payment'");
      const pay = (orderID: bigint) => settle(() => loms.client.orderPayed({ orderID }));
      await runInPool(rows, (row) => pay(row.order_id as bigint), RACES_AT_A_TIME);
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '0/0/20', 2: '0/0/25', 3: '0/0/5' });
      assertNoLostRaces(loms);
    }),
  );

  it(
    'of a payment and a cancellation have exactly one winner',
    withLoms(async (loms) => {
      const other = loms.start();
      await loms.supply(SKU, { 1: 50 });
      const orderIDs = await createOrders(loms.client, SKU, 50);
      let paid = 0;
      const race = async (orderID: bigint, index: number): Promise<void> => {
        const pay = () => settle(() => loms.client.orderPayed({ orderID }));
        const cancel = () => settle(() => other.client.cancelOrder({ orderID }));
        const [paying, cancelling] =
          index % 2 ? await Promise.all([pay(), cancel()]) : (await Promise.all([cancel(), pay()])).reverse();
        assert.ok(paying && cancelling);
        if ('ok' in paying) {
          paid += 1;
          assert.ok('error' in cancelling && failedWith(cancelling.error, cancelOrder, 'order_not_cancellable'));
          assert.deepEqual(cancelling.error.details, { status: 'payed' });
          assert.equal(await statusOf(loms, orderID), 'payed');
        } else {
          assert.ok(failedWith(paying.error, orderPayed, 'order_not_payable'));
          assert.deepEqual(paying.error.details, { status: 'cancelled' });
          assert.ok('ok' in cancelling);
          assert.equal(await statusOf(loms, orderID), 'cancelled');
        }
      };
      await runInPool([...orderIDs.entries()], ([index, orderID]) => race(orderID, index), RACES_AT_A_TIME);
      console.log(`        ${paid} of 50 were paid`);
      assert.deepEqual(await loms.stocksOf(SKU), { 1: `${50 - paid}/0/${paid}` });
      assertNoLostRaces(loms);
    }),
  );

  it(
    'of a payment and the timeout have exactly one winner, and a payment that was acknowledged stays',
    withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 60 });
        const orderIDs = await createOrders(loms.client, SKU, 60);
        // The background work looks once a second; the race needs the two to start together.
        const store = createStore(loms.database, { paymentTimeoutMs: 1 });
        const expire = (orderID: bigint) => cancelOverdueOrder(store, orderID, new AbortController());
        let paid = 0;
        const race = async (orderID: bigint, index: number): Promise<void> => {
          const pay = () => settle(() => loms.client.orderPayed({ orderID }));
          const paying = index % 2 ? pay() : undefined;
          const expiring = expire(orderID);
          const outcome = await (paying ?? pay());
          const expired = await expiring;
          if ('ok' in outcome) {
            paid += 1;
            assert.equal(expired, false);
            assert.equal(await statusOf(loms, orderID), 'payed');
          } else {
            assert.ok(failedWith(outcome.error, orderPayed, 'order_not_payable'));
            assert.deepEqual(outcome.error.details, { status: 'cancelled' });
            assert.equal(await statusOf(loms, orderID), 'cancelled');
          }
        };
        await runInPool([...orderIDs.entries()], ([index, orderID]) => race(orderID, index), RACES_AT_A_TIME);
        console.log(`        ${paid} of 60 were paid`);
        assert.deepEqual(await loms.stocksOf(SKU), { 1: `${60 - paid}/0/${paid}` });
        assertNoLostRaces(loms);
      },
      { paymentTimeoutMs: 1 },
    ),
  );

  it(
    'of orders over the same skus in opposite orders, of payments and of cancellations end without a deadlock',
    withLoms(async (loms) => {
      const replicas = [loms, loms.start()];
      const skus = [1, 2, 3, 4, 5, 6];
      // Few goods in many warehouses, so that an order holds several rows of a sku.
      for (const sku of skus) await loms.supply(sku, Object.fromEntries(skus.map((warehouse) => [warehouse, 60])));
      const pick = seeded('orders over the same skus');
      const made: bigint[] = [];
      const act = async (client: LomsClient): Promise<unknown> => {
        const choice = pick(8);
        // One of the latest, which others may be settling right now.
        const orderID = made.at(-1 - pick(6)) ?? 0n;
        if (choice === 0 && orderID) return client.orderPayed({ orderID });
        if (choice <= 4 && orderID) return client.cancelOrder({ orderID });
        const items = skus.slice(pick(3), 4 + pick(3)).map((sku) => ({ sku, count: 1 + pick(80) }));
        const created = await client.createOrder({ user: 1n, items: pick(2) ? items : items.reverse() });
        return made.push(created.orderID);
      };
      const refused = new Map<string, number>();
      const worker = async (client: LomsClient): Promise<void> => {
        for (let turn = 0; turn < 40; turn++) {
          const outcome = await outcomeOf(act(client));
          if ('ok' in outcome) continue;
          assert.ok(outcome.error instanceof RpcError);
          const reason = outcome.error.reason ?? outcome.error.code;
          assert.ok(REFUSALS.has(reason), String(outcome.error.cause ?? outcome.error));
          refused.set(reason, (refused.get(reason) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: 12 }, (_, index) => worker((replicas[index % 2] ?? loms).client)));
      console.log('       ', await loms.orderCounts(), Object.fromEntries(refused));
      assertNoLostRaces(loms);
      await outboxToDrain(loms);
    }),
  );

  it(
    'of readers with orders never show a sum that was not there',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 30, 2: 30 });
      let buying = true;
      const read = async (): Promise<void> => {
        while (buying) {
          const rows = await loms.query(`SELECT sum(on_sale + reserved + sold) AS sum FROM stocks WHERE sku = ${SKU}`);
          assert.deepEqual(rows, [{ sum: 60n }]);
        }
      };
      const readers = [read(), read()];
      const orderIDs = await createOrders(loms.client, SKU, 60);
      const end = ([index, orderID]: [number, bigint]) =>
        settle(() => (index % 2 ? loms.client.orderPayed({ orderID }) : loms.client.cancelOrder({ orderID })));
      await runInPool([...orderIDs.entries()], end, RACES_AT_A_TIME);
      buying = false;
      await Promise.all(readers);
    }),
  );
});
