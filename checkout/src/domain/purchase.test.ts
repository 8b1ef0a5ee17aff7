import assert from 'node:assert/strict';
import sinon from 'sinon';
import { failureOf, ORDER_ID, pendingOf, type StubbedPorts, stubPorts, USER } from '../../test/port-stubs.ts';
import type { PurchaseOutcome } from './ports.ts';
import { finishPurchase, purchase } from './purchase.ts';

const KEY = 'a key';
const ORDERED: PurchaseOutcome = { state: 'ordered', orderID: ORDER_ID };
const SHORTAGES = [{ sku: 10, requested: 3, available: 2n }];
const SHORT: PurchaseOutcome = { state: 'out of stock', orderID: 7n, shortages: SHORTAGES };

const CART_EMPTY = { name: 'Refusal', reason: 'cart_empty', facts: undefined };
const OUT_OF_STOCK = { name: 'Refusal', reason: 'out_of_stock', facts: { orderID: 7n, shortages: SHORTAGES } };
const REJECTED = { name: 'Error', message: 'loms rejected the order of a purchase' };

describe('purchase', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
    ports.orderDesk.order.resolves(ORDERED);
  });

  const buy = (idempotencyKey?: string) => purchase(ports, { user: USER, idempotencyKey }, ports.context);
  const own = pendingOf('own', KEY);
  const foreign = pendingOf('foreign', 'another key');

  describe('of a cart with goods', () => {
    beforeEach(() => {
      ports.purchases.begin.resolves(own);
    });

    it('records the purchase, calls loms, settles it, and returns the order', async () => {
      assert.equal(await buy(KEY), ORDER_ID);
      sinon.assert.calledOnceWithExactly(ports.purchases.begin, USER, KEY);
      sinon.assert.calledOnceWithExactly(ports.orderDesk.order, own, ports.context);
      sinon.assert.calledOnceWithExactly(ports.purchases.settle, own, ORDERED);
      sinon.assert.callOrder(ports.purchases.begin, ports.orderDesk.order, ports.purchases.settle);
    });

    it('does so without a key too, and searches for none', async () => {
      assert.equal(await buy(), ORDER_ID);
      sinon.assert.calledOnceWithExactly(ports.purchases.begin, USER, undefined);
      sinon.assert.notCalled(ports.purchases.findByKey);
    });

    it('locks the cart first in both transactions', async () => {
      await buy(KEY);
      assert.deepEqual(ports.carts.lock.args, [[USER], [USER]]);
      sinon.assert.callOrder(
        ports.carts.lock,
        ports.purchases.findByKey,
        ports.purchases.findPending,
        ports.purchases.begin,
        ports.carts.lock,
        ports.purchases.settle,
      );
    });

    it('has no transaction open during the call to loms', async () => {
      ports.orderDesk.order.callsFake(async () => {
        assert.equal(ports.inTransaction(), false);
        return ORDERED;
      });
      await buy();
      sinon.assert.calledTwice(ports.transaction);
    });

    it('records only while its caller waits, and settles even after its caller has left', async () => {
      ports.orderDesk.order.callsFake(async () => {
        ports.caller.abort(new Error('gone'));
        return ORDERED;
      });
      assert.equal(await buy(), ORDER_ID);
      const scopes = ports.transaction.args.map(([, context]) => context);
      assert.deepEqual(scopes, [ports.context, undefined]);
    });

    it('refuses when goods are missing, once the goods are back in the cart', async () => {
      ports.orderDesk.order.resolves(SHORT);
      await assert.rejects(buy(), OUT_OF_STOCK);
      sinon.assert.calledOnceWithExactly(ports.purchases.settle, own, SHORT);
    });

    it('fails when loms refuses for another reason, once the goods are back in the cart', async () => {
      ports.orderDesk.order.resolves({ state: 'rejected' });
      await assert.rejects(buy(), REJECTED);
      sinon.assert.calledOnceWithExactly(ports.purchases.settle, own, { state: 'rejected' });
    });

    it('leaves the purchase pending when the outcome of the order is unknown', async () => {
      const failure = new Error('no answer');
      ports.orderDesk.order.rejects(failure);
      assert.equal(await failureOf(buy()), failure);
      sinon.assert.notCalled(ports.purchases.settle);
    });

    it('fails when it is unknown whether the purchase was settled', async () => {
      const failure = new Error('no database');
      ports.purchases.settle.rejects(failure);
      assert.equal(await failureOf(buy()), failure);
    });

    it('does not call loms when the purchase cannot be recorded', async () => {
      const failure = new Error('no database');
      ports.purchases.begin.rejects(failure);
      assert.equal(await failureOf(buy()), failure);
      sinon.assert.notCalled(ports.orderDesk.order);
    });
  });

  describe('of an empty cart', () => {
    it('refuses without a call to loms', async () => {
      ports.purchases.begin.resolves(undefined);
      await assert.rejects(buy(KEY), CART_EMPTY);
      sinon.assert.calledOnceWithExactly(ports.purchases.begin, USER, KEY);
      sinon.assert.notCalled(ports.orderDesk.order);
      sinon.assert.notCalled(ports.purchases.settle);
    });
  });

  describe('under a key that came before', () => {
    function cameBefore(before: PurchaseOutcome | typeof own): void {
      ports.purchases.findByKey.withArgs(USER, KEY).resolves(before);
    }

    function assertNothingDone(): void {
      sinon.assert.notCalled(ports.purchases.begin);
      sinon.assert.notCalled(ports.purchases.settle);
      sinon.assert.notCalled(ports.orderDesk.order);
    }

    it('finishes its purchase when that is pending', async () => {
      cameBefore(own);
      assert.equal(await buy(KEY), ORDER_ID);
      sinon.assert.calledOnceWithExactly(ports.orderDesk.order, own, ports.context);
      sinon.assert.calledOnceWithExactly(ports.purchases.settle, own, ORDERED);
      sinon.assert.notCalled(ports.purchases.begin);
    });

    it('answers the same order again', async () => {
      cameBefore(ORDERED);
      assert.equal(await buy(KEY), ORDER_ID);
      assertNothingDone();
    });

    it('refuses with the same shortages again', async () => {
      cameBefore(SHORT);
      await assert.rejects(buy(KEY), OUT_OF_STOCK);
      assertNothingDone();
    });

    for (const [state, refusal] of [
      ['cart empty', CART_EMPTY],
      ['rejected', REJECTED],
    ] as const) {
      it(`refuses again when the first answer was: ${state}`, async () => {
        cameBefore({ state });
        await assert.rejects(buy(KEY), refusal);
        assertNothingDone();
      });
    }
  });

  describe('while another purchase of the user is pending', () => {
    it('joins it without a key, because it can only be its repetition', async () => {
      ports.purchases.findPending.resolves(foreign);
      assert.equal(await buy(), ORDER_ID);
      sinon.assert.calledOnceWithExactly(ports.orderDesk.order, foreign, ports.context);
      sinon.assert.calledOnceWithExactly(ports.purchases.settle, foreign, ORDERED);
      sinon.assert.notCalled(ports.purchases.begin);
    });

    it('finishes it before its own with another key', async () => {
      ports.purchases.findPending.onFirstCall().resolves(foreign);
      ports.purchases.begin.resolves(own);
      ports.orderDesk.order.withArgs(foreign).resolves({ state: 'ordered', orderID: 1n });
      assert.equal(await buy(KEY), ORDER_ID);
      assert.deepEqual(
        ports.purchases.settle.args.map(([settled]) => settled.purchaseID),
        ['foreign', 'own'],
      );
      sinon.assert.callOrder(ports.purchases.settle, ports.purchases.begin);
    });

    it('goes on to its own also when loms refuses the other', async () => {
      ports.purchases.findPending.onFirstCall().resolves(foreign);
      ports.purchases.begin.resolves(own);
      ports.orderDesk.order.withArgs(foreign).resolves(SHORT);
      assert.equal(await buy(KEY), ORDER_ID);
    });

    it('fails with the other when that cannot be finished', async () => {
      const failure = new Error('no answer');
      ports.purchases.findPending.resolves(foreign);
      ports.orderDesk.order.rejects(failure);
      assert.equal(await failureOf(buy(KEY)), failure);
      sinon.assert.notCalled(ports.purchases.begin);
      sinon.assert.notCalled(ports.purchases.settle);
    });

    it('gives up after three other purchases came first', async () => {
      ports.purchases.findPending.resolves(foreign);
      await assert.rejects(buy(KEY), { name: 'Refusal', reason: 'contended' });
      sinon.assert.calledThrice(ports.orderDesk.order);
      sinon.assert.notCalled(ports.purchases.begin);
    });
  });
});

describe('finishPurchase', () => {
  it('returns the outcome of the purchase, even a refusal', async () => {
    const ports = stubPorts();
    const pending = pendingOf('cut off');
    ports.orderDesk.order.resolves(SHORT);
    assert.equal(await finishPurchase(ports, pending, ports.context), SHORT);
    sinon.assert.calledOnceWithExactly(ports.purchases.settle, pending, SHORT);
  });
});
