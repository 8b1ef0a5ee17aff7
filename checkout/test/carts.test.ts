import assert from 'node:assert/strict';
import { failedWith, RpcError } from 'rpc-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { CART_LINES_MAX, checkout, LINE_COUNT_MAX } from '../contract.ts';
import {
  cartOf,
  eventually,
  fill,
  newUser,
  orderedGoods,
  type RunningCheckout,
  startCheckout,
} from './checkout-fixture.ts';
import { nameOf, USUAL_PRICE } from './fake-products.ts';
import { failureOf } from './port-stubs.ts';

const { addToCart, listCart } = checkout.methods;

describe('a cart', () => {
  let testDatabase: TestDatabase;
  let running: RunningCheckout;
  let user: bigint;

  before(async () => {
    testDatabase = await createTestDatabase('checkout');
    running = await startCheckout(testDatabase.url);
  });

  after(async () => {
    await running[Symbol.asyncDispose]();
    await testDatabase[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    running.recover();
    user = newUser();
  });

  const add = (sku: number, count: number) => running.client.addToCart({ user, sku, count });
  const remove = (sku: number, count: number) => running.client.deleteFromCart({ user, sku, count });

  describe('addToCart', () => {
    it('puts goods into the cart, and more of them', async () => {
      assert.deepEqual(await add(10, 2), {});
      assert.deepEqual(await add(10, 3), {});
      assert.deepEqual(await cartOf(running, user), { 10: 5 });
    });

    it('leaves the carts of other users alone', async () => {
      await add(10, 2);
      assert.deepEqual(await cartOf(running, user + 1n), {});
    });

    it('refuses more than all warehouses have on sale together, and changes nothing', async () => {
      running.loms.stock.set(11, 5n);
      await add(11, 4);
      const error = await failureOf(add(11, 2));
      assert(failedWith(error, addToCart, 'insufficient_stock'));
      assert.deepEqual(error.details, { sku: 11, requested: 6, available: 5n });
      await add(11, 1);
      assert.deepEqual(await cartOf(running, user), { 11: 5 });
    });

    it('refuses a sku of which nothing is on sale', async () => {
      running.loms.stock.set(12, 0n);
      const error = await failureOf(add(12, 1));
      assert(failedWith(error, addToCart, 'insufficient_stock'));
      assert.equal(error.details.available, 0n);
    });

    it('fills a line up to its limit and no further', async () => {
      await add(13, LINE_COUNT_MAX);
      const error = await failureOf(add(13, 1));
      assert(failedWith(error, addToCart, 'cart_full'));
      assert.deepEqual(error.details, { linesMax: CART_LINES_MAX, countMax: LINE_COUNT_MAX });
      assert.deepEqual(await cartOf(running, user), { 13: 65_535 });
    });

    it('fills a cart up to its last line and no further, while its lines stay open', async () => {
      for (let sku = 1; sku <= CART_LINES_MAX; sku++) await add(sku, 1);
      assert(failedWith(await failureOf(add(101, 1)), addToCart, 'cart_full'));
      await add(CART_LINES_MAX, 1);
      assert.equal((await running.client.listCart({ user })).totalPrice, BigInt(101 * USUAL_PRICE));
      await remove(1, 1);
      await add(101, 1);
    });

    it('sums 20 concurrent calls exactly, even for a new cart', async () => {
      await Promise.all(Array.from({ length: 20 }, () => add(14, 3)));
      assert.deepEqual(await cartOf(running, user), { 14: 60 });
    });

    it('never lets 20 concurrent calls hold more than is on sale', async () => {
      running.loms.stock.set(15, 10n);
      const answers = await Promise.allSettled(Array.from({ length: 20 }, () => add(15, 1)));
      const refusals = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason);
      assert.equal(refusals.length, 10);
      for (const refusal of refusals) assert(failedWith(refusal, addToCart, 'insufficient_stock'));
      assert.deepEqual(await cartOf(running, user), { 15: 10 });
    });

    it('never lets concurrent calls open more lines than a cart may have', async () => {
      await fill(running, user, Object.fromEntries(Array.from({ length: 95 }, (_, sku) => [sku, 1])));
      const answers = await Promise.allSettled(Array.from({ length: 20 }, (_, sku) => add(200 + sku, 1)));
      assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 5);
      assert.equal(Object.keys(await cartOf(running, user)).length, CART_LINES_MAX);
    });
  });

  describe('an archived product', () => {
    const archivedSku = 40;
    beforeEach(async () => {
      await add(archivedSku, 3);
      running.products.archived.add(archivedSku);
    });

    it('cannot be added, and the cart stays as it is', async () => {
      const error = await failureOf(add(archivedSku, 1));
      assert(failedWith(error, addToCart, 'product_archived'));
      assert.deepEqual([error.code, error.details], ['failed_precondition', { sku: archivedSku }]);
      assert.deepEqual(await add(41, 1), {});
      assert.deepEqual(await cartOf(running, user), { [archivedSku]: 3, 41: 1 });
    });

    it('keeps its name and price in the cart, can be taken out and be purchased', async () => {
      await remove(archivedSku, 1);
      assert.deepEqual(await running.client.listCart({ user }), {
        items: [{ sku: archivedSku, count: 2, name: nameOf(archivedSku), price: USUAL_PRICE }],
        totalPrice: 200n,
      });
      await running.client.purchase({ user });
      assert.deepEqual(orderedGoods(running, user), { [archivedSku]: 2 });
    });

    it('does not stop sales: while the product service is unavailable, goods are added without the check', async () => {
      running.products.onManyCall = async () => {
        throw new RpcError('unavailable', 'out for a moment');
      };
      assert.deepEqual(await add(archivedSku, 1), {});
      running.products.onManyCall = async () => {};
      assert(failedWith(await failureOf(add(archivedSku, 1)), addToCart, 'product_archived'));
    });
  });

  describe('deleteFromCart', () => {
    it('removes some of the goods', async () => {
      await add(10, 5);
      assert.deepEqual(await remove(10, 2), {});
      assert.deepEqual(await cartOf(running, user), { 10: 3 });
    });

    it('removes the line when the count covers it or exceeds it', async () => {
      await fill(running, user, { 10: 5, 11: 5, 12: 5 });
      await remove(10, 5);
      await remove(11, LINE_COUNT_MAX);
      assert.deepEqual(await cartOf(running, user), { 12: 5 });
    });

    it('answers {} for a missing line or cart', async () => {
      assert.deepEqual(await remove(10, 1), {});
      await add(11, 1);
      assert.deepEqual(await remove(10, 1), {});
      assert.deepEqual(await cartOf(running, user), { 11: 1 });
    });

    it('removes exactly the goods of 20 concurrent calls', async () => {
      await add(10, 50);
      await Promise.all(Array.from({ length: 20 }, () => remove(10, 2)));
      assert.deepEqual(await cartOf(running, user), { 10: 10 });
    });
  });

  describe('listCart', () => {
    it('shows nothing for a user without a cart, and requests no product', async () => {
      const before = running.products.requests.length;
      assert.deepEqual(await running.client.listCart({ user }), { items: [], totalPrice: 0n });
      assert.equal(running.products.requests.length, before);
    });

    it('shows the goods with names, prices and the sum, ascending by sku', async () => {
      running.products.prices.set(4_294_967_295, 1990);
      await fill(running, user, { 20: 1 });
      await fill(running, user, { 4294967295: 2 });
      await fill(running, user, { 0: 3 });
      assert.deepEqual(await running.client.listCart({ user }), {
        items: [
          { sku: 0, count: 3, name: nameOf(0), price: USUAL_PRICE },
          { sku: 20, count: 1, name: nameOf(20), price: USUAL_PRICE },
          { sku: 4_294_967_295, count: 2, name: nameOf(4_294_967_295), price: 1990 },
        ],
        totalPrice: 4_380n,
      });
    });

    it('shows a changed price the next time', async () => {
      await add(21, 2);
      assert.equal((await running.client.listCart({ user })).totalPrice, 200n);
      running.products.prices.set(21, 150);
      assert.equal((await running.client.listCart({ user })).totalPrice, 300n);
    });

    it('sums beyond the exact range of a double', async () => {
      const skus = Array.from({ length: 99 }, (_, index) => 3_000 + index);
      for (const sku of skus) running.products.prices.set(sku, 4_294_967_295);
      await fill(running, user, Object.fromEntries(skus.map((sku) => [sku, 65_535])));
      assert.equal((await running.client.listCart({ user })).totalPrice, 27_865_597_486_104_675n);
    });

    it('fails as a whole when one product is unknown, and says which', async () => {
      running.products.unknown.add(31);
      await fill(running, user, { 30: 1, 31: 1, 32: 1 });
      const error = await failureOf(running.client.listCart({ user }));
      assert(failedWith(error, listCart, 'product_not_found'));
      assert.deepEqual(error.details, { sku: 31 });
    });

    it('has at most five product requests in flight', async () => {
      let underWay = 0;
      let most = 0;
      const gate = Promise.withResolvers<void>();
      running.products.onCall = async () => {
        most = Math.max(most, ++underWay);
        await gate.promise;
        underWay -= 1;
      };
      await fill(running, user, Object.fromEntries(Array.from({ length: 20 }, (_, sku) => [sku, 1])));
      const cart = running.client.listCart({ user });
      await eventually(() => underWay >= 5);
      gate.resolve();
      await cart;
      assert.equal(most, 5);
    });
  });

  it('survives a failure of the product service', async () => {
    await add(10, 1);
    running.products.onCall = async () => {
      throw new RpcError('unavailable', 'out for a moment', { retryAfterMs: 3_000 });
    };
    const error = (await failureOf(running.client.listCart({ user }))) as RpcError;
    running.products.onCall = async () => {};
    assert.deepEqual([error.code, error.reason, error.retryAfterMs], ['unavailable', undefined, 3_000]);
    assert.deepEqual(await cartOf(running, user), { 10: 1 });
  });
});
