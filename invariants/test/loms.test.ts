import assert from 'node:assert/strict';
import { type Loms, openLoms, outboxToDrain } from 'loms/testing';
import { drained, findBroken } from '../src/index.ts';

/** Orders 1 to 4: paid, cancelled, awaiting payment, failed; and stock of a second sku that came in. */
async function openBusyLoms(): Promise<Loms> {
  const loms = await openLoms();
  await loms.supply(1, { 1: 5, 2: 3 });
  for (let order = 0; order < 3; order++) await loms.client.createOrder({ user: 1n, items: [{ sku: 1, count: 2 }] });
  await loms.client.orderPayed({ orderID: 1n });
  await loms.client.cancelOrder({ orderID: 2n });
  await assert.rejects(loms.client.createOrder({ user: 1n, items: [{ sku: 1, count: 9 }] }));
  await loms.client.adjustStock({ sku: 3, warehouseID: 9n, delta: 4n, idempotencyKey: 'arrival' });
  await outboxToDrain(loms);
  return loms;
}

/** Ten more units of sku 1 come in, so long before now. */
const arrived = (before: string): string => `
  UPDATE stocks SET supplied = supplied + 10, on_sale = on_sale + 10 WHERE sku = 1 AND warehouse_id = 1;
  INSERT INTO stock_adjustments (key, caller, sku, warehouse_id, delta, on_sale, at)
  SELECT 'more', 'gateway', sku, warehouse_id, 10, on_sale, now() - interval '${before}' FROM stocks
  WHERE sku = 1 AND warehouse_id = 1`;

/** Damages to the data, and the rules that they have to turn red. */
const DAMAGES: { what: string; sql: string; breaks: string[] }[] = [
  {
    what: 'a unit of stock appears',
    sql: 'ALTER TABLE stocks DROP CONSTRAINT stocks_check; UPDATE stocks SET on_sale = on_sale + 1 WHERE warehouse_id = 1',
    breaks: ['S1, the sums'],
  },
  {
    what: 'a unit of stock is supplied without an adjustment',
    sql: 'UPDATE stocks SET supplied = supplied + 1, on_sale = on_sale + 1 WHERE warehouse_id = 1',
    breaks: ['S1, the sums', 'A5, the supply'],
  },
  {
    what: 'an adjustment has no answer',
    sql: "UPDATE stock_adjustments SET on_sale = NULL WHERE key = 'arrival'",
    breaks: ['A5, the adjustments'],
  },
  {
    what: 'an order failed although its goods had come in',
    sql: arrived('1 minute'),
    breaks: ['S5, needless refusals'],
  },
  {
    what: 'a count is negative',
    sql: `ALTER TABLE stocks DROP CONSTRAINT stocks_on_sale_check;
      UPDATE stocks SET on_sale = on_sale - 9, sold = sold + 9 WHERE warehouse_id = 1`,
    breaks: ['S1, the sums', 'S3, the sales'],
  },
  {
    what: 'reserved goods are in another warehouse than the counter has',
    sql: 'UPDATE reservations SET warehouse_id = 1 WHERE order_id = 3',
    breaks: ['S2, the counter'],
  },
  {
    what: 'the counter lacks reserved goods',
    sql: 'UPDATE stocks SET reserved = 0, on_sale = on_sale + reserved',
    breaks: ['S2, the counter', 'S3, the sales'],
  },
  {
    what: 'a reservation is missing',
    sql: 'DELETE FROM reservations WHERE order_id = 3',
    breaks: ['S2, the counter', 'S2, the orders'],
  },
  {
    what: 'an order holds less than its goods',
    sql: `UPDATE reservations SET count = count - 1;
      UPDATE stocks SET reserved = reserved - 1, on_sale = on_sale + 1 WHERE reserved > 0`,
    breaks: ['S2, the orders', 'S3, the sales'],
  },
  {
    what: 'a cancelled order holds goods',
    sql: `INSERT INTO reservations VALUES (2, 1, 1, 1);
      UPDATE stocks SET reserved = reserved + 1, on_sale = on_sale - 1 WHERE warehouse_id = 1`,
    breaks: ['S2, the orders', 'S3, the sales'],
  },
  {
    what: 'a failed order has moved stock',
    sql: 'UPDATE stocks SET sold = sold + 1, on_sale = on_sale - 1 WHERE warehouse_id = 1',
    breaks: ['S3, the sales'],
  },
  {
    what: 'goods were sold without an order',
    sql: 'INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale, sold) VALUES (2, 1, 1, 1, 0, 1)',
    breaks: ['S3, the sales'],
  },
  {
    what: 'a step is missing from a history',
    sql: 'DELETE FROM outbox WHERE order_id = 1 AND seq = 2; DELETE FROM order_status_history WHERE order_id = 1 AND seq = 2',
    breaks: ['O1, the steps'],
  },
  {
    what: 'two steps are swapped',
    sql: `UPDATE order_status_history SET status = 'payed' WHERE order_id = 1 AND seq = 2;
      UPDATE order_status_history SET status = 'awaiting payment' WHERE order_id = 1 AND seq = 3`,
    breaks: ['O1, the steps', 'E1, the outbox'],
  },
  {
    what: 'an order is paid and cancelled',
    sql: "INSERT INTO order_status_history VALUES (1, 4, 'cancelled', now()); UPDATE orders SET seq = 4 WHERE order_id = 1",
    breaks: ['O1, the steps', 'E1, the outbox'],
  },
  {
    what: 'the status of an order is not the end of its history',
    sql: "UPDATE orders SET status = 'cancelled' WHERE order_id = 4",
    breaks: ['O1, the steps'],
  },
  {
    what: 'an order has no history',
    sql: 'DELETE FROM outbox WHERE order_id = 4; DELETE FROM order_status_history WHERE order_id = 4',
    breaks: ['O1, the steps'],
  },
  {
    what: 'an order stays new',
    sql: `WITH left_new AS (INSERT INTO orders (user_id, status, seq) VALUES (1, 'new', 1) RETURNING order_id),
        history AS (INSERT INTO order_status_history SELECT order_id, 1, 'new', now() FROM left_new)
      SELECT`,
    breaks: ['O4, the open ones', 'E1, the outbox'],
  },
  {
    what: 'an order is overdue',
    sql: "UPDATE orders SET payment_due_at = now() - interval '6 seconds' WHERE order_id = 3",
    breaks: ['O4, the open ones'],
  },
  { what: 'an event is missing', sql: 'DELETE FROM outbox WHERE order_id = 1 AND seq = 3', breaks: ['E1, the outbox'] },
  {
    what: 'an event differs from the history',
    sql: "UPDATE outbox SET status = 'cancelled' WHERE order_id = 1 AND seq = 3",
    breaks: ['E1, the outbox'],
  },
  {
    what: 'an event is for another user',
    sql: 'UPDATE outbox SET user_id = 2 WHERE order_id = 1',
    breaks: ['E1, the outbox'],
  },
];

/** In a transaction, each statement is sent by itself. */
async function runAll(query: (text: string) => Promise<unknown>, statements: string): Promise<void> {
  for (const text of statements.split(';')) await query(text);
}

describe('The invariants in the database of loms', () => {
  let loms: Loms;
  before(async () => {
    loms = await openBusyLoms();
  });
  after(() => loms[Symbol.asyncDispose]());

  it('hold after orders of every kind', async () => {
    assert.deepEqual(await findBroken({ loms: loms.query }), {});
  });

  it('hold when goods came in after an order had failed for them', async () => {
    const broken = await loms.trial(async (query) => {
      await runAll(query, arrived('0 s'));
      return findBroken({ loms: query });
    });
    assert.deepEqual(broken, {});
  });

  for (const { what, sql, breaks } of DAMAGES) {
    it(`turn red when ${what}`, async () => {
      const violations = await loms.trial(async (query) => {
        await runAll(query, sql);
        return findBroken({ loms: query });
      });
      assert.deepEqual(Object.keys(violations).toSorted(), breaks.toSorted());
    });
  }

  it('are checked only when no order is about to expire', async () => {
    await using busy = await openLoms({ paymentTimeoutMs: 1_500 });
    await busy.supply(1, { 1: 1 });
    await busy.client.createOrder({ user: 1n, items: [{ sku: 1, count: 1 }] });
    const { left } = await drained({ loms: busy.testDatabase.url }, { timeoutMs: 20_000 });
    assert.equal(left, '');
    assert.deepEqual(await busy.orderCounts(), { cancelled: 1 });
  });

  it('are checked nevertheless when orders expire all the time', async () => {
    await using busy = await openLoms();
    await busy.supply(1, { 1: 1 });
    await busy.client.createOrder({ user: 1n, items: [{ sku: 1, count: 1 }] });
    await outboxToDrain(busy);
    await busy.query("UPDATE orders SET payment_due_at = now() + interval '4 seconds'");
    const { left } = await drained({ loms: busy.testDatabase.url }, { timeoutMs: 0 });
    assert.equal(left, '');
  });
});
