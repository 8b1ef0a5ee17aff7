import assert from 'node:assert/strict';
import sinon from 'sinon';
import { failureOf, linesOf, type StubbedPorts, stubPorts, USER } from '../../test/port-stubs.ts';
import { addToCart } from './add-to-cart.ts';
import { Refusal } from './refusal.ts';

const LIMITS = { linesMax: 3, countMax: 50 };

describe('addToCart', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
    ports.warehouse.onSale.resolves(1_000n);
  });

  const add = (sku: number, count: number) =>
    addToCart({ ...ports, limits: LIMITS }, USER, { sku, count }, ports.context);

  it('adds what is on sale, under the lock of the cart', async () => {
    await add(10, 2);
    sinon.assert.calledOnceWithExactly(ports.carts.add, USER, { sku: 10, count: 2 });
    sinon.assert.calledOnceWithExactly(ports.carts.lock, USER);
    sinon.assert.callOrder(ports.carts.lock, ports.carts.lines, ports.carts.add);
  });

  it('asks for stock and product together, before the transaction begins, and passes its whole context on', async () => {
    const { promise: bothAsked, resolve } = Promise.withResolvers<void>();
    ports.warehouse.onSale.callsFake(async () => {
      assert.equal(ports.inTransaction(), false);
      await bothAsked;
      return 2n;
    });
    ports.states.product.callsFake(async () => {
      resolve();
      return { archived: false };
    });
    await add(10, 2);
    sinon.assert.calledOnceWithExactly(ports.warehouse.onSale, 10, ports.context);
    sinon.assert.calledOnceWithExactly(ports.states.product, 10, ports.context);
    sinon.assert.callOrder(ports.warehouse.onSale, ports.states.product, ports.transaction);
    assert.equal(ports.transaction.firstCall.args[1], ports.context);
  });

  it('begins no transaction when the stock cannot be read', async () => {
    const failure = new Error('no answer');
    ports.warehouse.onSale.rejects(failure);
    assert.equal(await failureOf(add(10, 1)), failure);
    sinon.assert.notCalled(ports.transaction);
  });

  it('refuses an archived product, whatever is on sale, and begins no transaction', async () => {
    ports.states.product.resolves({ archived: true });
    for (const available of [0n, 1_000n]) {
      ports.warehouse.onSale.resolves(available);
      const error = await failureOf(add(10, 1));
      assert(error instanceof Refusal);
      assert.deepEqual([error.reason, error.facts], ['product_archived', { sku: 10 }]);
    }
    sinon.assert.notCalled(ports.transaction);
  });

  describe('compares the stock with what the cart would hold of the sku', () => {
    beforeEach(() => {
      ports.carts.lines.resolves([
        { sku: 9, count: 40 },
        { sku: 10, count: 3 },
      ]);
      ports.warehouse.onSale.resolves(5n);
    });

    it('and accepts the last piece', async () => {
      await add(10, 2);
      sinon.assert.calledOnce(ports.carts.add);
    });

    it('and refuses one more', async () => {
      const error = await failureOf(add(10, 3));
      assert(error instanceof Refusal);
      assert.deepEqual([error.reason, error.facts], ['insufficient_stock', { sku: 10, requested: 6, available: 5n }]);
      sinon.assert.notCalled(ports.carts.add);
    });
  });

  describe('keeps a cart', () => {
    function assertFull(error: unknown): void {
      assert(error instanceof Refusal);
      assert.deepEqual([error.reason, error.facts], ['cart_full', LIMITS]);
      sinon.assert.notCalled(ports.carts.add);
    }

    it('from more lines than it may have', async () => {
      ports.carts.lines.resolves(linesOf(1, 2, 3));
      assertFull(await failureOf(add(10, 1)));
    });

    it('open for its last line', async () => {
      ports.carts.lines.resolves(linesOf(1, 2));
      await add(10, 1);
      sinon.assert.calledOnce(ports.carts.add);
    });

    it('with all its lines open for more of what is in it', async () => {
      ports.carts.lines.resolves(linesOf(1, 2, 3));
      await add(2, 49);
      sinon.assert.calledOnceWithExactly(ports.carts.add, USER, { sku: 2, count: 49 });
    });

    it('from more of one sku than it may hold', async () => {
      ports.carts.lines.resolves(linesOf(1, 2));
      assertFull(await failureOf(add(2, 50)));
    });
  });
});
