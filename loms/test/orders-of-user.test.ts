import assert from 'node:assert/strict';
import { type ParamsOf, RpcError } from 'rpc-kit';
import { loms as contract } from '../contract.ts';
import { type Loms, outcomeOf, withLoms } from './loms-fixture.ts';

const { listOrders } = contract.methods;
type Filter = Partial<ParamsOf<typeof listOrders>>;

const USER = -9_223_372_036_854_775_808n;
const SKU = 1_076_963;

function order({ client }: Loms, user: bigint = USER, skus: readonly number[] = [SKU]): Promise<{ orderID: bigint }> {
  return client.createOrder({ user, items: skus.map((sku) => ({ sku, count: 1 })) });
}

async function ordersOf(loms: Loms, count: number, user: bigint = USER): Promise<bigint[]> {
  const orderIDs: bigint[] = [];
  for (let made = 0; made < count; made++) orderIDs.push((await order(loms, user)).orderID);
  return orderIDs;
}

/** Every page, from the newest order to the oldest. */
async function pagesOf({ client }: Loms, filter: Filter = {}, between: () => Promise<unknown> = async () => {}) {
  const pages: bigint[][] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listOrders({ user: USER, limit: 2, ...filter, cursor });
    pages.push(page.orders.map(({ orderID }) => orderID));
    cursor = page.nextCursor;
    await between();
  } while (cursor !== undefined);
  return pages;
}

describe('The orders of a user', () => {
  it(
    'come newest first, each with its status, its time and its items by sku',
    withLoms(async (loms) => {
      for (const sku of [30, 10, 20]) await loms.supply(sku, { 1: 9 });
      const { orderID: first } = await order(loms, USER, [30, 10, 20]);
      const { orderID: second } = await order(loms, USER, [10]);
      await loms.client.orderPayed({ orderID: first });
      await outcomeOf(order(loms, USER, [404]));
      const { orders, nextCursor } = await loms.client.listOrders({ user: USER, limit: 20 });
      assert.equal(nextCursor, undefined);
      assert.deepEqual(
        orders.map(({ orderID, status, items }) => [orderID - first, status, items.map(({ sku }) => sku)]),
        [
          [2n, 'failed', [404]],
          [second - first, 'awaiting payment', [10]],
          [0n, 'payed', [10, 20, 30]],
        ],
      );
      const times = await loms.query(
        "SELECT date_trunc('milliseconds', created_at) AS at FROM orders ORDER BY order_id DESC",
      );
      assert.deepEqual(
        orders.map(({ createdAt }) => createdAt),
        times.map(({ at }) => at),
      );
      for (const { orderID, ...shown } of orders) {
        assert.deepEqual(await loms.client.getOrder({ orderID }), { orderID, user: USER, ...shown });
      }
    }),
  );

  it(
    'are read by one statement a page, however many orders and items it has',
    withLoms(async (loms) => {
      const skus = Array.from({ length: 100 }, (_, index) => index + 1);
      for (const sku of skus) await loms.supply(sku, { 1: 9 });
      for (let made = 0; made < 3; made++) await order(loms, USER, skus);
      const before = loms.statements.length;
      const { orders } = await loms.client.listOrders({ user: USER, limit: 100 });
      assert.deepEqual(
        orders.map(({ items }) => items.length),
        [100, 100, 100],
      );
      const own = loms.statements
        .slice(before)
        .filter(({ name }) => /orders|items/.test(name) && name !== 'list overdue orders');
      assert.deepEqual(
        own.map(({ name }) => name),
        ['list orders'],
      );
    }),
  );

  it(
    'show no other user',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 9 });
      const [other] = await ordersOf(loms, 1, 8n);
      const mine = await ordersOf(loms, 1);
      assert.deepEqual(await pagesOf(loms), [mine]);
      assert.deepEqual(await pagesOf(loms, { user: 8n }), [[other]]);
      assert.deepEqual(await pagesOf(loms, { user: 9n }), [[]]);
      await ordersOf(loms, 2);
      const { nextCursor } = await loms.client.listOrders({ user: USER, limit: 1 });
      // A cursor is a position, so with another user it lists nothing of the first one.
      assert.deepEqual(
        (await loms.client.listOrders({ user: 8n, limit: 20, cursor: nextCursor })).orders.map(
          ({ orderID }) => orderID,
        ),
        [other],
      );
    }),
  );

  it(
    'come in pages without repeats or holes, while orders are created and change their status',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 99 });
      const orderIDs = await ordersOf(loms, 7);
      const payOne = async () => loms.client.orderPayed({ orderID: orderIDs.at(-1) ?? 0n });
      const pages = await pagesOf(loms, {}, () => Promise.all([order(loms), payOne()]));
      assert.deepEqual(pages.flat(), orderIDs.toReversed());
      assert.deepEqual(
        pages.map(({ length }) => length),
        [2, 2, 2, 1],
      );
      const [paid] = orderIDs.slice(-1);
      assert.deepEqual(await pagesOf(loms, { status: 'payed' }), [[paid]]);
    }),
  );

  it(
    'of one status come in pages of that status only',
    withLoms(async (loms) => {
      await loms.supply(SKU, { 1: 99 });
      const orderIDs = await ordersOf(loms, 9);
      const paid = orderIDs.filter((_, index) => index % 2);
      for (const orderID of paid) await loms.client.orderPayed({ orderID });
      assert.deepEqual((await pagesOf(loms, { status: 'payed' })).flat(), paid.toReversed());
      assert.deepEqual(await pagesOf(loms, { status: 'cancelled' }), [[]]);
    }),
  );

  it(
    'are refused with a cursor that is not ours, and with a limit outside of 1 to 100',
    withLoms(async (loms) => {
      const mistakes: Filter[] = [
        { cursor: 'WzFd=' },
        { cursor: 'WyIxIl0' },
        { cursor: '' },
        { limit: 0 },
        { limit: 101 },
      ];
      for (const mistake of mistakes) {
        const outcome = await outcomeOf(loms.client.listOrders({ user: USER, limit: 2, ...mistake }));
        assert.ok('error' in outcome && outcome.error instanceof RpcError && outcome.error.code === 'invalid_params');
      }
    }),
  );
});
