import assert from 'node:assert/strict';
import { isLostRace } from 'service-kit';
import { queryOn } from 'testing';
import type { Repositories, Store } from '../src/domain/ports.ts';
import { cancelOverdueOrder } from '../src/domain/settle-orders.ts';
import { createStore } from '../src/repository/store.ts';
import { createOrders, type Loms, openLoms, outboxToDrain, publisherOfEach, withLoms } from './loms-fixture.ts';

const SKU = 1_076_963;
const context = new AbortController();

function storeOf({ database }: Loms): Store {
  return createStore(database, { paymentTimeoutMs: 600_000 });
}

describe('A transaction of loms', () => {
  it(
    'settles only those of the orders that await payment',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 2 });
      const [paid = 0n, unpaid = 0n] = await createOrders(loms.client, SKU, 2);
      await loms.client.orderPayed({ orderID: paid });
      await storeOf(loms).transaction(async ({ orders }) => {
        const calls = [unpaid + 1n, unpaid, paid].map((orderID) => ({ orderID, context }));
        const changes = await orders.settle(calls, 'cancelled');
        assert.deepEqual(
          changes.map(({ orderID, seq, status }) => ({ orderID, seq, status })),
          [{ orderID: unpaid, seq: 3, status: 'cancelled' }],
        );
      }, context);
      assert.equal((await loms.client.listOrder({ orderID: paid })).status, 'payed');
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '1/0/1' });
    }),
  );

  it(
    'that cancels an overdue order does not wait for another one that has locked it',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 1 });
      const [orderID = 0n] = await createOrders(loms.client, SKU, 1);
      await loms.query(`UPDATE orders SET payment_due_at = clock_timestamp() WHERE order_id = ${orderID}`);
      const cancelled = await loms.trial(async (query) => {
        await query(`SELECT FROM orders WHERE order_id = ${orderID} FOR UPDATE`);
        return cancelOverdueOrder(storeOf(loms), orderID, context);
      });
      assert.equal(cancelled, false);
    }),
  );

  it('is not open while an event is published', async () => {
    // The events of an order come one after the other, so nothing else of the order is in flight.
    const idle = "datname = current_database() AND state LIKE 'idle in transaction%'";
    const look = async (): Promise<number> =>
      (await fixture.query(`SELECT FROM pg_stat_activity WHERE ${idle}`)).length;
    const seen: number[] = [];
    await using fixture = await openLoms({ publisher: publisherOfEach(async () => void seen.push(await look())) });
    await fixture.supply(SKU, { 1: 1 });
    const [orderID = 0n] = await createOrders(fixture.client, SKU, 1);
    await outboxToDrain(fixture);
    await fixture.client.orderPayed({ orderID });
    await outboxToDrain(fixture);
    assert.deepEqual(seen, [0, 0, 0]);
    const open = fixture.database.transaction(async (executor) => {
      await queryOn(executor)('SELECT');
      return look();
    });
    assert.equal(await open, 1, 'one that is open would have been seen');
  });

  it(
    'is run again when it was the victim of a deadlock, and has its effect once',
    withLoms(async (loms) => {
      const store = storeOf(loms);
      for (const sku of [1, 2]) await loms.supply(sku, { 1: 10 });
      const bothHaveOne = twoArrivals();
      let runs = 0;
      const order = (first: number, then: number) => async (repositories: Repositories) => {
        runs += 1;
        await repositories.stocks.lockOnSale([first]);
        await bothHaveOne();
        await repositories.stocks.lockOnSale([then]);
        const shortages = [{ sku: first, requested: 1, available: 0n }];
        const items = [{ sku: first, count: 1 }];
        await repositories.orders.create([{ user: 1n, items, claim: undefined, reservations: [], shortages, context }]);
      };
      await Promise.all([store.transaction(order(1, 2), context), store.transaction(order(2, 1), context)]);
      assert.equal(runs, 3);
      assert.equal(loms.statements.filter(({ error }) => isLostRace(error)).length, 1);
      assert.deepEqual(await loms.orderCounts(), { failed: 2 });
      await outboxToDrain(loms);
      assert.equal(loms.events.length, 4);
    }),
  );
});

/** Blocks until two callers have come; later callers pass at once. */
function twoArrivals(): () => Promise<void> {
  const { promise: both, resolve: pass } = Promise.withResolvers<void>();
  let arrived = 0;
  return () => {
    if (++arrived === 2) pass();
    return both;
  };
}
