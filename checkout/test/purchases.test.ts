import assert from 'node:assert/strict';
import { failedWith, type RpcError } from 'rpc-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { checkout } from '../contract.ts';
import {
  cartOf,
  eventually,
  fill,
  newUser,
  orderedGoods,
  type RunningCheckout,
  startCheckout,
} from './checkout-fixture.ts';
import { type Behaviour, refuse } from './fake-loms.ts';
import { failureOf } from './port-stubs.ts';

const { purchase } = checkout.methods;

describe('purchase', () => {
  let testDatabase: TestDatabase;
  /** Two replicas over one database. */
  let running: RunningCheckout;
  let replica: RunningCheckout;
  let user: bigint;

  before(async () => {
    testDatabase = await createTestDatabase('checkout');
    running = await startCheckout(testDatabase.url);
    replica = await startCheckout(testDatabase.url, { beside: running });
  });

  after(async () => {
    await replica[Symbol.asyncDispose]();
    await running[Symbol.asyncDispose]();
    await testDatabase[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    running.recover();
    user = newUser();
  });

  const buy = (idempotencyKey?: string, on = running) => on.client.purchase({ user, idempotencyKey });
  const keyOf = (name: string) => `${name} of ${user}`;

  /** Lets loms answer only when so many requests have come. */
  function answerWhenAsked(times: number): Behaviour {
    let asked = 0;
    const enough = Promise.withResolvers<void>();
    return async (desk) => {
      if (++asked === times) enough.resolve();
      await enough.promise;
      return desk.order();
    };
  }

  it('makes one order of all goods and removes them from the cart', async () => {
    await fill(running, user, { 1: 2, 2: 65_535 });
    const { orderID } = await buy();
    assert.deepEqual(
      running.loms.ordersOf(user).map((order) => order.orderID),
      [orderID],
    );
    assert.deepEqual(orderedGoods(running, user), { 1: 2, 2: 65_535 });
    assert.deepEqual(await cartOf(running, user), {});
  });

  it('makes another order of goods that are added afterwards', async () => {
    await fill(running, user, { 1: 1 });
    const first = await buy();
    await fill(running, user, { 1: 5 });
    const second = await buy();
    assert.notEqual(second.orderID, first.orderID);
    assert.deepEqual(orderedGoods(running, user), { 1: 6 });
  });

  it('refuses an empty cart without a call to loms', async () => {
    const before = running.loms.requests.length;
    assert(failedWith(await failureOf(buy()), purchase, 'cart_empty'));
    await fill(running, user, { 1: 1 });
    await running.client.deleteFromCart({ user, sku: 1, count: 1 });
    assert(failedWith(await failureOf(buy()), purchase, 'cart_empty'));
    assert.equal(running.loms.requests.length, before);
  });

  it('leaves the cart as it was when goods are missing, and says which', async () => {
    await fill(running, user, { 1: 2, 2: 3 });
    running.loms.stock.set(2, 2n);
    const error = await failureOf(buy());
    assert(failedWith(error, purchase, 'out_of_stock'));
    const failed = running.loms.orders.at(-1);
    assert.equal(failed?.isFailed, true);
    assert.deepEqual(error.details, {
      orderID: failed.orderID,
      shortages: [{ sku: 2, requested: 3, available: 2n }],
    });
    assert.deepEqual(await cartOf(running, user), { 1: 2, 2: 3 });
    running.loms.stock.set(2, 3n);
    await buy();
    assert.deepEqual(orderedGoods(running, user), { 1: 2, 2: 3 });
  });

  it('passes the request id and the remaining time on to loms', async () => {
    await fill(running, user, { 1: 1 });
    await running.client.purchase({ user }, { requestId: 'purchase-17', timeoutMs: 700 });
    const { call } = running.loms.requests.at(-1) ?? assert.fail('loms was not asked');
    assert.equal(call.requestId, 'purchase-17');
    assert(call.deadlineAt - performance.now() <= 700);
  });

  describe('with an idempotency key', () => {
    it('answers the same order to each repetition, whatever is in the cart by then', async () => {
      await fill(running, user, { 1: 1 });
      const first = await buy(keyOf('key'));
      await fill(running, user, { 1: 7 });
      assert.deepEqual(await buy(keyOf('key')), first);
      assert.deepEqual(await buy(keyOf('key'), replica), first);
      assert.deepEqual(orderedGoods(running, user), { 1: 1 });
      assert.deepEqual(await cartOf(running, user), { 1: 7 });
    });

    it('refuses each repetition with the same shortages, even if the stock suffices by then', async () => {
      await fill(running, user, { 1: 3 });
      running.loms.stock.set(1, 2n);
      const first = await failureOf(buy(keyOf('key')));
      assert(failedWith(first, purchase, 'out_of_stock'));
      running.loms.stock.set(1, 5n);
      const second = await failureOf(buy(keyOf('key'), replica));
      assert(failedWith(second, purchase, 'out_of_stock'));
      assert.deepEqual(second.details, first.details);
      assert.deepEqual(await cartOf(running, user), { 1: 3 });
      await buy(keyOf('another key'));
      assert.deepEqual(orderedGoods(running, user), { 1: 3 });
    });

    it('keeps answering cart_empty, even if the cart has goods by then', async () => {
      assert(failedWith(await failureOf(buy(keyOf('key'))), purchase, 'cart_empty'));
      await fill(running, user, { 1: 1 });
      assert(failedWith(await failureOf(buy(keyOf('key'))), purchase, 'cart_empty'));
      assert.deepEqual(await cartOf(running, user), { 1: 1 });
      await buy(keyOf('another key'));
      assert.deepEqual(orderedGoods(running, user), { 1: 1 });
    });

    it('is a key of its own for each user, who cannot use up that of another', async () => {
      const other = newUser();
      const idempotencyKey = keyOf('key');
      await fill(running, user, { 1: 1 });
      await fill(running, other, { 2: 2 });
      const { orderID } = await buy(idempotencyKey);
      const { orderID: othersID } = await running.client.purchase({ user: other, idempotencyKey });
      assert.notEqual(othersID, orderID);
      assert.deepEqual(orderedGoods(running, other), { 2: 2 });
      assert.deepEqual(await cartOf(running, other), {});
      assert.deepEqual(await buy(idempotencyKey), { orderID });
      assert.deepEqual(await running.client.purchase({ user: other, idempotencyKey }), { orderID: othersID });
    });

    it('may come beside the params; two different keys are refused, and nothing is bought', async () => {
      await fill(running, user, { 1: 1 });
      const contradicting = running.client.purchase(
        { user, idempotencyKey: keyOf('param') },
        { idempotencyKey: keyOf('header') },
      );
      assert.equal(((await failureOf(contradicting)) as RpcError).code, 'invalid_request');
      assert.deepEqual(await cartOf(running, user), { 1: 1 });
      const { orderID } = await running.client.purchase({ user }, { idempotencyKey: keyOf('key') });
      assert.deepEqual(await buy(keyOf('key')), { orderID });
    });

    it('makes an order for each of several users who send the same key concurrently', async () => {
      for (let round = 0; round < 20; round++) {
        const users = [newUser(), newUser(), newUser()];
        for (const buyer of users) await fill(running, buyer, { 1: 1 });
        const idempotencyKey = `contended by ${users}`;
        const answers = await Promise.allSettled(
          users.map((buyer, index) =>
            (index === 0 ? replica : running).client.purchase({ user: buyer, idempotencyKey }),
          ),
        );
        const orderIDs = answers.map((answer) =>
          answer.status === 'fulfilled' ? answer.value.orderID : answer.reason,
        );
        assert.deepEqual(
          orderIDs,
          users.map((buyer) => running.loms.ordersOf(buyer)[0]?.orderID),
        );
        assert.equal(new Set(orderIDs).size, 3);
      }
    });

    it('makes one order of 20 concurrent calls with the same key', async () => {
      await fill(running, user, { 1: 2, 2: 1 });
      const calls = Array.from({ length: 20 }, (_, index) => buy(keyOf('key'), index % 2 ? running : replica));
      const orderIDs = new Set((await Promise.all(calls)).map(({ orderID }) => orderID));
      assert.equal(orderIDs.size, 1);
      assert.equal(running.loms.ordersOf(user).length, 1);
      assert.deepEqual(orderedGoods(running, user), { 1: 2, 2: 1 });
      assert.deepEqual(await cartOf(running, user), {});
    });

    it('orders nothing twice under concurrent calls with different keys', async () => {
      await fill(running, user, { 1: 2, 2: 1 });
      const answers = await Promise.allSettled(
        ['a', 'b', 'c', 'd', 'e', 'f'].map((key, index) => buy(keyOf(key), index % 2 ? running : replica)),
      );
      const refusals = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason);
      for (const refusal of refusals) {
        assert(failedWith(refusal, purchase, 'cart_empty') || (refusal as RpcError).code === 'aborted');
      }
      assert.equal(refusals.length, 5);
      assert.deepEqual(orderedGoods(running, user), { 1: 2, 2: 1 });
      assert.deepEqual(await cartOf(running, user), {});
    });
  });

  describe('without a key', () => {
    it('makes one order of two concurrent calls and gives both the same answer', async () => {
      await fill(running, user, { 1: 2 });
      running.loms.behaviour = answerWhenAsked(2);
      const [first, second] = await Promise.all([buy(), buy(undefined, replica)]);
      assert.deepEqual(first, second);
      assert.equal(running.loms.ordersOf(user).length, 1);
      assert.deepEqual(orderedGoods(running, user), { 1: 2 });
    });

    it('joins a pending purchase that has one', async () => {
      await fill(running, user, { 1: 2 });
      running.loms.behaviour = answerWhenAsked(2);
      const withKey = buy(keyOf('key'));
      await eventually(() => running.isPending(user));
      assert.deepEqual(await buy(), await withKey);
      assert.equal(running.loms.ordersOf(user).length, 1);
    });

    it('sends loms the identical request when it joins', async () => {
      await fill(running, user, { 9: 1 });
      await fill(running, user, { 1: 1 });
      await fill(running, user, { 5: 1 });
      running.loms.behaviour = answerWhenAsked(2);
      await Promise.all([buy(), buy(undefined, replica)]);
      const [first, second] = running.loms.requests.slice(-2).map(({ call: _, ...request }) => request);
      assert.deepEqual(first, second);
    });
  });

  describe('while it waits for loms', () => {
    let release: () => void;
    let bought: Promise<unknown>;

    /** Begins a purchase of 5 of sku 1 and 3 of sku 2, and holds the answer of loms back. */
    async function beginPurchase(answer: 'answer' | 'refuse'): Promise<void> {
      await fill(running, user, { 1: 5, 2: 3 });
      const gate = Promise.withResolvers<void>();
      release = gate.resolve;
      running.loms.behaviour = async (desk) => {
        await gate.promise;
        return answer === 'answer' ? desk.order() : desk.refuse();
      };
      bought = buy().catch((error) => error);
      await eventually(() => running.isPending(user));
    }

    async function endPurchase(): Promise<void> {
      release();
      await bought;
      assert.equal(await running.isPending(user), false);
    }

    it('shows its goods in the cart', async () => {
      await beginPurchase('answer');
      assert.deepEqual(await cartOf(running, user), { 1: 5, 2: 3 });
      await endPurchase();
      assert.deepEqual(await cartOf(running, user), {});
    });

    it('counts its goods when more are added', async () => {
      await beginPurchase('refuse');
      running.loms.stock.set(1, 7n);
      const error = await failureOf(running.client.addToCart({ user, sku: 1, count: 3 }));
      assert(failedWith(error, checkout.methods.addToCart, 'insufficient_stock'));
      await fill(running, user, { 1: 2 });
      await endPurchase();
      assert.deepEqual(await cartOf(running, user), { 1: 7, 2: 3 });
    });

    it('excludes goods added in the meantime from the order', async () => {
      await beginPurchase('answer');
      await fill(running, user, { 1: 4, 3: 1 });
      assert.deepEqual(await cartOf(running, user), { 1: 9, 2: 3, 3: 1 });
      await endPurchase();
      assert.deepEqual(orderedGoods(running, user), { 1: 5, 2: 3 });
      assert.deepEqual(await cartOf(running, user), { 1: 4, 3: 1 });
    });

    it('keeps goods added in the meantime after a refusal too', async () => {
      await beginPurchase('refuse');
      await fill(running, user, { 1: 4, 3: 1 });
      await endPurchase();
      assert.deepEqual(await cartOf(running, user), { 1: 9, 2: 3, 3: 1 });
    });

    it('does not return goods deleted in the meantime to the cart after a refusal', async () => {
      await beginPurchase('refuse');
      await running.client.deleteFromCart({ user, sku: 1, count: 2 });
      await running.client.deleteFromCart({ user, sku: 2, count: 65_535 });
      assert.deepEqual(await cartOf(running, user), { 1: 3 });
      await endPurchase();
      assert.deepEqual(await cartOf(running, user), { 1: 3 });
    });

    it('still orders goods deleted in the meantime, and does not confuse them with later ones', async () => {
      await beginPurchase('answer');
      await running.client.deleteFromCart({ user, sku: 1, count: 2 });
      await fill(running, user, { 1: 4 });
      assert.deepEqual(await cartOf(running, user), { 1: 7, 2: 3 });
      await endPurchase();
      assert.deepEqual(orderedGoods(running, user), { 1: 5, 2: 3 });
      assert.deepEqual(await cartOf(running, user), { 1: 4 });
    });

    it('deletes goods that it does not hold first', async () => {
      await beginPurchase('answer');
      await fill(running, user, { 1: 4 });
      await running.client.deleteFromCart({ user, sku: 1, count: 6 });
      assert.deepEqual(await cartOf(running, user), { 1: 3, 2: 3 });
      await endPurchase();
      assert.deepEqual(await cartOf(running, user), {});
    });

    it('times out a concurrent purchase with another key, which can be repeated', async () => {
      await beginPurchase('answer');
      const other = running.client.purchase({ user, idempotencyKey: keyOf('another') }, { timeoutMs: 300 });
      assert.equal(((await failureOf(other)) as RpcError).code, 'deadline_exceeded');
      await endPurchase();
      assert(failedWith(await failureOf(buy(keyOf('another'))), purchase, 'cart_empty'));
    });

    it('is finished first by a purchase with another key, which then buys what was added', async () => {
      await beginPurchase('answer');
      await fill(running, user, { 3: 1 });
      const other = buy(keyOf('another'), replica);
      await eventually(() => running.loms.requests.filter((request) => request.user === user).length === 2);
      await endPurchase();
      const { orderID } = await other;
      const [first, second] = running.loms.ordersOf(user);
      assert.deepEqual(
        first?.items.map(({ sku }) => sku),
        [1, 2],
      );
      assert.deepEqual(second, { orderID, user, items: [{ sku: 3, count: 1 }], isFailed: false });
    });
  });

  it('lets the goods be bought again after a refusal, any number of times', async () => {
    await fill(running, user, { 1: 1 });
    running.loms.behaviour = refuse;
    for (let time = 0; time < 3; time++) assert(failedWith(await failureOf(buy()), purchase, 'out_of_stock'));
    running.recover();
    await buy();
    assert.deepEqual(orderedGoods(running, user), { 1: 1 });
  });
});
