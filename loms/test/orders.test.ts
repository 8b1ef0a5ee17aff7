import assert from 'node:assert/strict';
import { failedWith, RpcError } from 'rpc-kit';
import { loms as contract, ITEMS_MAX } from '../contract.ts';
import { eventually, type Loms, outboxToDrain, outcomeOf, withLoms } from './loms-fixture.ts';

const { createOrder, listOrder, orderPayed, cancelOrder } = contract.methods;
const SKU = 1_076_963;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  const outcome = await outcomeOf(call);
  if ('ok' in outcome) assert.fail('it should have failed');
  return outcome.error;
}

/** An order of so many of the one sku. */
async function order(loms: Loms, count: number): Promise<bigint> {
  const { orderID } = await loms.client.createOrder({ user: 7n, items: [{ sku: SKU, count }] });
  return orderID;
}

/** An order that is short of goods, which there are none of. */
async function failedOrder({ client }: Loms): Promise<bigint> {
  const error = await failureOf(client.createOrder({ user: 7n, items: [{ sku: 404, count: 1 }] }));
  assert.ok(failedWith(error, createOrder, 'out_of_stock'));
  return error.details.orderID;
}

describe('An order', () => {
  it(
    'holds goods while it awaits payment, and sells them when it is paid',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10, 2: 4 });
      const orderID = await order(loms, 12);
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '0/10/0', 2: '2/2/0' });
      assert.equal((await loms.client.listOrder({ orderID })).status, 'awaiting payment');

      assert.deepEqual(await loms.client.orderPayed({ orderID }), {});
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '0/0/10', 2: '2/0/2' });
      assert.equal((await loms.client.listOrder({ orderID })).status, 'payed');
    }),
  );

  it(
    'puts its goods back on sale where they came from when it is cancelled',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10, 2: 4 });
      const orderID = await order(loms, 12);
      assert.deepEqual(await loms.client.cancelOrder({ orderID }), {});
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '10/0/0', 2: '4/0/0' });
      assert.equal((await loms.client.listOrder({ orderID })).status, 'cancelled');
    }),
  );

  it(
    'is kept as failed and moves no stock when goods are missing, also of another sku',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      await loms.supply(2, { 1: 3, 5: 4 });
      const items = [
        { sku: SKU, count: 1 },
        { sku: 2, count: 8 },
        { sku: 404, count: 65_535 },
      ];
      const error = await failureOf(loms.client.createOrder({ user: 7n, items }));
      assert.ok(failedWith(error, createOrder, 'out_of_stock'));
      assert.equal(error.code, 'failed_precondition');
      assert.deepEqual(error.details.shortages, [
        { sku: 2, requested: 8, available: 7n },
        { sku: 404, requested: 65_535, available: 0n },
      ]);
      assert.deepEqual(await loms.client.listOrder({ orderID: error.details.orderID }), {
        status: 'failed',
        user: 7n,
        items: items.toSorted((a, b) => a.sku - b.sku),
      });
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '10/0/0' });
      assert.deepEqual(await loms.stocksOf(2), { 1: '3/0/0', 5: '4/0/0' });
    }),
  );

  it(
    'counts the same sku twice as the sum, and lists its items by sku',
    withLoms(async (loms) => {
      for (const sku of [30, 10, 20]) await loms.supply(sku, { 1: 9 });
      const items = [30, 10, 20, 10].map((sku, index) => ({ sku, count: index + 1 }));
      const { orderID } = await loms.client.createOrder({ user: 7n, items });
      assert.deepEqual((await loms.client.listOrder({ orderID })).items, [
        { sku: 10, count: 6 },
        { sku: 20, count: 3 },
        { sku: 30, count: 1 },
      ]);
      assert.deepEqual(await loms.stocksOf(10), { 1: '3/6/0' });
    }),
  );

  it(
    'can take the last unit of each of as many skus as it may have',
    withLoms(async (loms) => {
      const skus = Array.from({ length: ITEMS_MAX }, (_, index) => 4_294_967_295 - index);
      for (const sku of skus) await loms.supply(sku, { 1: 1 });
      const items = skus.map((sku) => ({ sku, count: 1 }));
      const { orderID } = await loms.client.createOrder({ user: 7n, items });
      assert.deepEqual(await loms.stocksOf(4_294_967_295), { 1: '0/1/0' });
      await loms.client.orderPayed({ orderID });
      assert.deepEqual(await loms.stocksOf(4_294_967_295), { 1: '0/0/1' });
      assert.equal((await loms.client.listOrder({ orderID })).items.length, ITEMS_MAX);
    }),
  );

  it(
    'is paid once, however often',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      const orderID = await order(loms, 3);
      for (let time = 0; time < 3; time++) assert.deepEqual(await loms.client.orderPayed({ orderID }), {});
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '7/0/3' });
    }),
  );

  it(
    'is cancelled once, however often',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      const orderID = await order(loms, 3);
      for (let time = 0; time < 3; time++) assert.deepEqual(await loms.client.cancelOrder({ orderID }), {});
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '10/0/0' });
    }),
  );

  it(
    'cannot be paid when it is cancelled or failed',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      const cancelled = await order(loms, 3);
      await loms.client.cancelOrder({ orderID: cancelled });
      const failed = await failedOrder(loms);
      for (const [orderID, status] of [
        [cancelled, 'cancelled'],
        [failed, 'failed'],
      ] as const) {
        const error = await failureOf(loms.client.orderPayed({ orderID }));
        assert.ok(failedWith(error, orderPayed, 'order_not_payable'));
        assert.deepEqual([error.code, error.details], ['failed_precondition', { status }]);
      }
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '10/0/0' });
    }),
  );

  it(
    'cannot be cancelled when it is paid or failed',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      const paid = await order(loms, 3);
      await loms.client.orderPayed({ orderID: paid });
      const failed = await failedOrder(loms);
      for (const [orderID, status] of [
        [paid, 'payed'],
        [failed, 'failed'],
      ] as const) {
        const error = await failureOf(loms.client.cancelOrder({ orderID }));
        assert.ok(failedWith(error, cancelOrder, 'order_not_cancellable'));
        assert.deepEqual([error.code, error.details], ['failed_precondition', { status }]);
      }
      assert.deepEqual(await loms.stocksOf(SKU), { 1: '7/0/3' });
    }),
  );

  it(
    'that does not exist is not found, whatever its number',
    withLoms(async ({ client }) => {
      for (const orderID of [INT64_MIN, -1n, 0n, 1n, 2n ** 53n, INT64_MAX]) {
        for (const [method, call] of [
          [listOrder, client.listOrder],
          [orderPayed, client.orderPayed],
          [cancelOrder, client.cancelOrder],
        ] as const) {
          const error = await failureOf(call({ orderID }));
          assert.ok(failedWith(error, method, 'order_not_found'));
          assert.deepEqual([error.code, error.details], ['not_found', { orderID }]);
        }
      }
    }),
  );

  it(
    'is refused when the lines of a sku add up to more than one line can hold, and leaves nothing behind',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 200_000 });
      const items = [
        { sku: SKU, count: 65_535 },
        { sku: SKU, count: 1 },
      ];
      const error = await failureOf(loms.client.createOrder({ user: 7n, items }));
      assert.ok(error instanceof RpcError);
      assert.equal(error.code, 'invalid_params');
      assert.deepEqual(error.details, {
        issues: [{ path: 'items', message: `the lines of sku ${SKU} add up to more than 65535` }],
      });
      assert.deepEqual(await loms.orderCounts(), {});
    }),
  );

  it(
    'has an event for every step of its life, in order and with its user',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 10 });
      const paid = await order(loms, 1);
      await loms.client.orderPayed({ orderID: paid });
      const cancelled = await order(loms, 1);
      await loms.client.cancelOrder({ orderID: cancelled });
      const failed = await failedOrder(loms);
      await outboxToDrain(loms);
      const published = (orderID: bigint) =>
        loms.events.filter((event) => event.orderID === orderID).map(({ seq, user, status }) => [seq, user, status]);
      const begun = [
        [1, 7n, 'new'],
        [2, 7n, 'awaiting payment'],
      ];
      assert.deepEqual(published(paid), [...begun, [3, 7n, 'payed']]);
      assert.deepEqual(published(cancelled), [...begun, [3, 7n, 'cancelled']]);
      assert.deepEqual(published(failed), [
        [1, 7n, 'new'],
        [2, 7n, 'failed'],
      ]);
    }),
  );

  it(
    'keeps numbers and users at the ends of int64',
    withLoms(async (loms) => {
      await loms.query(`ALTER TABLE orders ALTER COLUMN order_id RESTART WITH ${INT64_MAX - 1n}`);
      await loms.supply(SKU, { 1: 10 });
      for (const [user, expected] of [
        [INT64_MIN, INT64_MAX - 1n],
        [INT64_MAX, INT64_MAX],
      ] as const) {
        const { orderID } = await loms.client.createOrder({ user, items: [{ sku: SKU, count: 1 }] });
        assert.equal(orderID, expected);
        await loms.client.orderPayed({ orderID });
        assert.deepEqual(await loms.client.listOrder({ orderID }), {
          status: 'payed',
          user,
          items: [{ sku: SKU, count: 1 }],
        });
      }
      await eventually(
        'six events are published',
        () => loms.events.length,
        (count) => count === 6,
      );
      const published = new Set(loms.events.map(({ orderID, user }) => `${orderID} of ${user}`));
      assert.deepEqual(published, new Set([`${INT64_MAX - 1n} of ${INT64_MIN}`, `${INT64_MAX} of ${INT64_MAX}`]));
    }),
  );
});

describe('stocks', () => {
  it(
    'shows what is on sale by warehouse, without reserved and sold goods and without empty warehouses',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 3: 2, 1: 10, 2: 0 });
      const onSale = async () => (await loms.client.stocks({ sku: SKU })).stocks;
      assert.deepEqual(await onSale(), [
        { warehouseID: 1n, count: 10n },
        { warehouseID: 3n, count: 2n },
      ]);
      const orderID = await order(loms, 10);
      assert.deepEqual(await onSale(), [{ warehouseID: 3n, count: 2n }]);
      await loms.client.orderPayed({ orderID });
      assert.deepEqual(await onSale(), [{ warehouseID: 3n, count: 2n }]);
    }),
  );

  it(
    'shows nothing of a sku that no warehouse has',
    withLoms(async ({ client }) => {
      assert.deepEqual(await client.stocks({ sku: 0 }), { stocks: [] });
      assert.deepEqual(await client.stocks({ sku: 4_294_967_295 }), { stocks: [] });
    }),
  );

  it(
    'counts up to the end of uint64, before and after an order',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: UINT64_MAX, 2: UINT64_MAX });
      await order(loms, 65_535);
      assert.deepEqual(await loms.client.stocks({ sku: SKU }), {
        stocks: [
          { warehouseID: 1n, count: UINT64_MAX - 65_535n },
          { warehouseID: 2n, count: UINT64_MAX },
        ],
      });
    }),
  );
});
