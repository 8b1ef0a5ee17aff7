import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { causedBy, changeOf, ORDER_ID, type StubbedPorts, stubPorts, USER } from '../../test/port-stubs.ts';
import { createOrder } from './create-order.ts';
import type { Item, OrderOutcome, Shortage } from './ports.ts';
import { isRefusal } from './refusal.ts';

const KEY = 'a key';
const CALLER = 'checkout';
const SCOPED_KEY = { text: KEY, caller: CALLER, user: USER };
const ITEMS = [{ sku: 10, count: 3 }];
const SHORTAGES: Shortage[] = [{ sku: 10, requested: 3, available: 2n }];

describe('createOrder', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
    stockUp(4n);
  });

  function stockUp(count: bigint): void {
    ports.stocks.lockOnSale.resolves([{ sku: 10, warehouseID: 1n, count }]);
  }

  function create(items: readonly Item[] = ITEMS, idempotencyKey?: string): Promise<bigint> {
    return createOrder(ports.store, { user: USER, items, idempotencyKey, caller: CALLER }, ports);
  }

  async function failureOf(call: Promise<unknown>): Promise<unknown> {
    return call.then(
      () => assert.fail('it should have failed'),
      (error) => error,
    );
  }

  function assertNothingDone(): void {
    sinon.assert.notCalled(ports.orders.create);
    sinon.assert.notCalled(ports.stocks.reserve);
    sinon.assert.notCalled(ports.outbox.add);
    sinon.assert.notCalled(ports.idempotencyKeys.settle);
  }

  it('saves the order, which awaits payment at once, and reserves its goods', async () => {
    assert.equal(await create(), ORDER_ID);
    sinon.assert.calledOnceWithExactly(ports.orders.create, USER, ITEMS, 'awaiting payment');
    sinon.assert.calledOnceWithExactly(ports.stocks.reserve, ORDER_ID, [{ sku: 10, warehouseID: 1n, count: 3 }]);
    sinon.assert.callOrder(ports.stocks.lockOnSale, ports.orders.create, ports.stocks.reserve);
  });

  it('puts both steps into the outbox, once and in their order', async () => {
    await create();
    const steps = causedBy(ports, changeOf(1, 'new'), changeOf(2, 'awaiting payment'));
    sinon.assert.calledOnceWithExactly(ports.outbox.add, steps);
  });

  it('does all of it in one transaction, in the scope of its caller', async () => {
    await create();
    sinon.assert.calledOnce(ports.transaction);
    assert.equal(ports.transaction.firstCall.args[1].signal, ports.signal);
  });

  it('takes lines of the same sku as one, and the skus in ascending order', async () => {
    const lines = [30, 10, 20, 10].map((sku, index) => ({ sku, count: index + 1 }));
    ports.stocks.lockOnSale.resolves([10, 20, 30].map((sku) => ({ sku, warehouseID: 1n, count: 9n })));
    await create(lines);
    sinon.assert.calledOnceWithExactly(ports.stocks.lockOnSale, [10, 20, 30]);
    const merged = [
      { sku: 10, count: 6 },
      { sku: 20, count: 3 },
      { sku: 30, count: 1 },
    ];
    sinon.assert.calledOnceWithExactly(ports.orders.create, USER, merged, 'awaiting payment');
  });

  it('takes lines that add up to the most that a line can hold', async () => {
    stockUp(65_535n);
    await create([
      { sku: 10, count: 65_534 },
      { sku: 10, count: 1 },
    ]);
    sinon.assert.calledOnceWithExactly(ports.orders.create, USER, [{ sku: 10, count: 65_535 }], 'awaiting payment');
  });

  it('refuses lines that add up to more than a line can hold, before anything is touched', async () => {
    const error = await failureOf(
      create([
        { sku: 10, count: 65_535 },
        { sku: 10, count: 1 },
      ]),
    );
    assert.ok(isRefusal(error, 'count_too_large'));
    assert.deepEqual([error.facts?.sku, error.facts?.countMax], [10, 65_535]);
    sinon.assert.notCalled(ports.transaction);
  });

  describe('when goods are missing', () => {
    beforeEach(() => stockUp(2n));

    it('keeps the order as failed and moves no stock', async () => {
      const error = await failureOf(create());
      assert.ok(isRefusal(error, 'out_of_stock'));
      assert.deepEqual([error.facts?.orderID, error.facts?.shortages], [ORDER_ID, SHORTAGES]);
      sinon.assert.notCalled(ports.stocks.reserve);
      sinon.assert.calledOnceWithExactly(ports.orders.create, USER, ITEMS, 'failed');
      const steps = causedBy(ports, changeOf(1, 'new'), changeOf(2, 'failed'));
      sinon.assert.calledOnceWithExactly(ports.outbox.add, steps);
    });

    it('reserves nothing of the skus that are there either', async () => {
      ports.stocks.lockOnSale.resolves([
        { sku: 10, warehouseID: 1n, count: 2n },
        { sku: 20, warehouseID: 1n, count: 100n },
      ]);
      const error = await failureOf(create([...ITEMS, { sku: 20, count: 1 }]));
      assert.ok(isRefusal(error, 'out_of_stock'));
      assert.deepEqual(error.facts?.shortages, SHORTAGES);
      sinon.assert.notCalled(ports.stocks.reserve);
    });

    it('commits the failed order before it complains', async () => {
      let committed = false;
      ports.transaction.callsFake(async (work) => {
        const outcome = await work(ports);
        committed = true;
        return outcome;
      });
      assert.ok(isRefusal(await failureOf(create()), 'out_of_stock'));
      assert.equal(committed, true);
    });
  });

  describe('with an idempotency key', () => {
    const earlier = (outcome: OrderOutcome | 'other body') => ports.idempotencyKeys.claim.resolves(outcome);

    it('claims the key before anything else, and keeps under it what became of the order', async () => {
      ports.idempotencyKeys.claim.resolves('claimed');
      assert.equal(await create(ITEMS, KEY), ORDER_ID);
      sinon.assert.calledOnce(ports.transaction);
      sinon.assert.callOrder(ports.idempotencyKeys.claim, ports.stocks.lockOnSale, ports.idempotencyKeys.settle);
      sinon.assert.calledOnceWithExactly(ports.idempotencyKeys.settle, SCOPED_KEY, {
        orderID: ORDER_ID,
        shortages: [],
      });
    });

    it('keeps under it what was missing, too', async () => {
      stockUp(2n);
      ports.idempotencyKeys.claim.resolves('claimed');
      assert.ok(isRefusal(await failureOf(create(ITEMS, KEY)), 'out_of_stock'));
      const outcome = { orderID: ORDER_ID, shortages: SHORTAGES };
      sinon.assert.calledOnceWithExactly(ports.idempotencyKeys.settle, SCOPED_KEY, outcome);
    });

    it('answers what the first call answered, and does nothing', async () => {
      earlier({ orderID: 77n, shortages: [] });
      assert.equal(await create(ITEMS, KEY), 77n);
      assertNothingDone();
    });

    it('fails as the first call failed, and does nothing', async () => {
      earlier({ orderID: 77n, shortages: SHORTAGES });
      const error = await failureOf(create(ITEMS, KEY));
      assert.ok(isRefusal(error, 'out_of_stock'));
      assert.deepEqual([error.facts?.orderID, error.facts?.shortages], [77n, SHORTAGES]);
      assertNothingDone();
    });

    it('refuses the key with another body, and does nothing', async () => {
      earlier('other body');
      assert.ok(isRefusal(await failureOf(create(ITEMS, KEY)), 'idempotency_conflict'));
      assertNothingDone();
    });

    it('touches no keys without one', async () => {
      await create();
      sinon.assert.notCalled(ports.idempotencyKeys.claim);
      sinon.assert.notCalled(ports.idempotencyKeys.settle);
    });

    async function bodyOf(request: { user: bigint; items: readonly Item[] }): Promise<string> {
      earlier({ orderID: ORDER_ID, shortages: [] });
      await createOrder(ports.store, { ...request, idempotencyKey: KEY, caller: CALLER }, ports);
      return ports.idempotencyKeys.claim.lastCall.args[1];
    }

    it('takes two requests for the same exactly when user and goods are the same', async () => {
      await fc.assert(
        fc.asyncProperty(request, request, async (one, other) => {
          const same = one.user === other.user && amounts(one.items) === amounts(other.items);
          assert.equal((await bodyOf(one)) === (await bodyOf(other)), same);
        }),
      );
    });

    it('takes split and shuffled lines for the same request', async () => {
      const split = [
        { sku: 20, count: 1 },
        { sku: 10, count: 2 },
        { sku: 20, count: 4 },
      ];
      const merged = [
        { sku: 10, count: 2 },
        { sku: 20, count: 5 },
      ];
      assert.equal(await bodyOf({ user: 1n, items: split }), await bodyOf({ user: 1n, items: merged }));
    });
  });

  it('adds no event of an order whose goods could not be reserved', async () => {
    const failure = new Error('the database went away');
    ports.stocks.reserve.rejects(failure);
    assert.equal(await failureOf(create()), failure);
    sinon.assert.notCalled(ports.outbox.add);
  });
});

function amounts(items: readonly Item[]): string {
  const counts = new Map<number, number>();
  for (const { sku, count } of items) counts.set(sku, (counts.get(sku) ?? 0) + count);
  return JSON.stringify([...counts].toSorted(([a], [b]) => a - b));
}

/** So few different ones that equal pairs come up. */
const request = fc.record({
  user: fc.bigInt(1n, 2n),
  items: fc.array(fc.record({ sku: fc.integer({ min: 1, max: 2 }), count: fc.integer({ min: 1, max: 2 }) }), {
    minLength: 1,
    maxLength: 3,
  }),
});
