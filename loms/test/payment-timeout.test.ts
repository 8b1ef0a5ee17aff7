import assert from 'node:assert/strict';
import { createOrders, eventually, type Loms, outboxToDrain, withLoms } from './loms-fixture.ts';

const SKU = 1_076_963;

function untilNoneAwaits(loms: Loms): Promise<unknown> {
  return eventually(
    'no order awaits payment',
    () => loms.orderCounts(),
    (counts) => counts['awaiting payment'] === undefined,
  );
}

/** How long orders awaited payment before they were cancelled, by the database's clock. */
const WAITS = `
  SELECT (extract(epoch FROM ended.changed_at - begun.changed_at) * 1000)::bigint AS waited_ms
  FROM order_status_history begun JOIN order_status_history ended USING (order_id)
  WHERE begun.status = 'awaiting payment' AND ended.status = 'cancelled'`;

describe('The payment timeout', () => {
  it(
    'cancels every unpaid order once, with two replicas at the same time',
    withLoms(async (loms) => {
      loms.start();
      await loms.supply(SKU, { 1: 120 });
      await createOrders(loms.client, SKU, 120);
      assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 120 });
      // More than a replica takes in one round, all at once.
      await loms.query("UPDATE orders SET payment_due_at = clock_timestamp() WHERE status = 'awaiting payment'");
      await untilNoneAwaits(loms);
      assert.deepEqual(await loms.orderCounts(), { cancelled: 120 });
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '120/0/0' });
      await outboxToDrain(loms);
      const published = loms.events.filter(({ status }) => status === 'cancelled').map(({ orderID }) => orderID);
      assert.equal(published.length, 120);
      assert.equal(new Set(published).size, 120);
    }),
  );

  it(
    'never cancels an order before its time by the clock of the database',
    withLoms(
      async (loms) => {
        loms.start();
        await loms.supply(SKU, { 1: 40 });
        await createOrders(loms.client, SKU, 40);
        await untilNoneAwaits(loms);
        const waits = (await loms.query(WAITS)).map((row) => row.waited_ms as bigint);
        assert.equal(waits.length, 40);
        assert.ok(waits.every((waitedMs) => waitedMs >= 300n));
      },
      { paymentTimeoutMs: 300 },
    ),
  );

  it(
    'counts from the very moment that the history has for the beginning of the wait',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 100 });
      await createOrders(loms.client, SKU, 100);
      const early = await loms.query(`
        SELECT orders.order_id, payment_due_at, changed_at
        FROM orders JOIN order_status_history USING (order_id, seq)
        WHERE payment_due_at <> changed_at + interval '600000 milliseconds'`);
      assert.deepEqual(early, []);
    }),
  );

  it(
    'leaves paid, failed and cancelled orders alone, and those that still have time',
    withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 4 });
        const [paid = 0n, cancelled = 0n, unpaid = 0n, waiting = 0n] = await createOrders(loms.client, SKU, 4);
        await loms.client.orderPayed({ orderID: paid });
        await loms.client.cancelOrder({ orderID: cancelled });
        await assert.rejects(loms.client.createOrder({ user: 1n, items: [{ sku: SKU, count: 9 }] }));
        // Of those who can be, all are past their time but one.
        await loms.query(`
          UPDATE orders SET payment_due_at = clock_timestamp()
          WHERE status = 'awaiting payment' AND order_id <> ${waiting}`);
        const statusOf = async (orderID: bigint) => (await loms.client.listOrder({ orderID })).status;
        await eventually(
          'the unpaid order is cancelled',
          () => statusOf(unpaid),
          (status) => status === 'cancelled',
        );
        assert.deepEqual([await statusOf(paid), await statusOf(waiting)], ['payed', 'awaiting payment']);
        assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 1, cancelled: 2, failed: 1, payed: 1 });
        assert.deepEqual(await loms.stocksOf(SKU), { 1: '2/1/1' });
      },
      { paymentTimeoutMs: 600_000 },
    ),
  );

  it(
    'goes on with the others where an order cannot be cancelled',
    withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 20 });
        const [bad = 0n] = await createOrders(loms.client, SKU, 20);
        // What it holds is more than the counter says, which the database refuses.
        await loms.query(`UPDATE reservations SET count = 21 WHERE order_id = ${bad}`);
        // Only now does their time pass, however long it took to make them.
        await loms.query(`UPDATE orders SET payment_due_at = clock_timestamp()`);
        await eventually(
          'all others are cancelled',
          () => loms.orderCounts(),
          (counts) => counts.cancelled === 19,
        );
        assert.equal((await loms.client.listOrder({ orderID: bad })).status, 'awaiting payment');
        // Once it can be, it is.
        await loms.query(`UPDATE reservations SET count = 1 WHERE order_id = ${bad}`);
        await untilNoneAwaits(loms);
        assert.deepEqual(await loms.stocksOf(SKU), { 1: '20/0/0' });
      },
      { paymentTimeoutMs: 600_000 },
    ),
  );

  it(
    'goes on with the others where more orders cannot be cancelled than are read at a time',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 106 });
      const orderIDs = await createOrders(loms.client, SKU, 106);
      const bad = orderIDs.slice(0, 101);
      await loms.query(`UPDATE reservations SET count = 107 WHERE order_id IN (${bad})`);
      // All within a millisecond, and the failing ones first: the next page has to begin at the right microsecond.
      await loms.query(`
        UPDATE orders SET payment_due_at = date_trunc('second', now()) - interval '1 second'
          + CASE WHEN order_id IN (${bad}) THEN 1 ELSE 2 END * interval '1 microsecond'
        WHERE status = 'awaiting payment'`);
      await eventually(
        'all others are cancelled',
        () => loms.orderCounts(),
        (counts) => counts.cancelled === 5,
      );
      await loms.query('UPDATE reservations SET count = 1');
      await untilNoneAwaits(loms);
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '106/0/0' });
    }),
    // As many orders as that take a busy machine a while to make.
  ).timeout(90_000);
});
