import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { createOrder } from '../../test/one-order.ts';
import { ORDER_ID, orderIDOf, type StubbedPorts, stubPorts, USER } from '../../test/port-stubs.ts';
import { createOrders, type OrderRequest, toOrderCall } from './create-orders.ts';
import type { Item, NewOrder, OrderOutcome, Shortage } from './ports.ts';
import { isRefusal } from './refusal.ts';

const KEY = 'a key';
const CALLER = 'checkout';
const SCOPED_KEY = { text: KEY, caller: CALLER, user: USER };
const ITEMS = [{ sku: 10, count: 3 }];
const SHORTAGES: Shortage[] = [{ sku: 10, requested: 3, available: 2n }];

describe('createOrders', () => {
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
  }

  /** The orders that were created, in one statement. */
  function created(): readonly NewOrder[] {
    sinon.assert.calledOnce(ports.orders.create);
    return ports.orders.create.firstCall.args[0];
  }

  function assertCreated(expected: Partial<NewOrder>): void {
    sinon.assert.match(created(), [sinon.match(expected)]);
  }

  it('saves the order, which awaits payment at once, and reserves its goods', async () => {
    assert.equal(await create(), ORDER_ID);
    const reservations = [{ sku: 10, warehouseID: 1n, count: 3 }];
    assertCreated({ user: USER, items: ITEMS, claim: undefined, reservations, shortages: [] });
    sinon.assert.callOrder(ports.stocks.lockOnSale, ports.orders.create);
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
    assertCreated({ user: USER, items: merged, shortages: [] });
  });

  it('takes lines that add up to the most that a line can hold', async () => {
    stockUp(65_535n);
    await create([
      { sku: 10, count: 65_534 },
      { sku: 10, count: 1 },
    ]);
    assertCreated({ items: [{ sku: 10, count: 65_535 }], shortages: [] });
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
      assertCreated({ user: USER, items: ITEMS, reservations: [], shortages: SHORTAGES });
    });

    it('reserves nothing of the skus that are there either', async () => {
      ports.stocks.lockOnSale.resolves([
        { sku: 10, warehouseID: 1n, count: 2n },
        { sku: 20, warehouseID: 1n, count: 100n },
      ]);
      const error = await failureOf(create([...ITEMS, { sku: 20, count: 1 }]));
      assert.ok(isRefusal(error, 'out_of_stock'));
      assert.deepEqual(error.facts?.shortages, SHORTAGES);
      assertCreated({ reservations: [], shortages: SHORTAGES });
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
    const earlier = (outcome: OrderOutcome | 'other body') => ports.idempotencyKeys.find.resolves([outcome]);

    it('looks for an earlier call once the goods are locked, and keeps the outcome of the order under the key', async () => {
      assert.equal(await create(ITEMS, KEY), ORDER_ID);
      sinon.assert.calledOnce(ports.transaction);
      sinon.assert.callOrder(ports.stocks.lockOnSale, ports.idempotencyKeys.find, ports.orders.create);
      assertCreated({ claim: { key: SCOPED_KEY, body: `${USER} 10*3` }, shortages: [] });
    });

    it('keeps under it what was missing, too', async () => {
      stockUp(2n);
      assert.ok(isRefusal(await failureOf(create(ITEMS, KEY)), 'out_of_stock'));
      assertCreated({ claim: { key: SCOPED_KEY, body: `${USER} 10*3` }, shortages: SHORTAGES });
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
      sinon.assert.notCalled(ports.idempotencyKeys.find);
      assertCreated({ claim: undefined });
    });

    async function bodyOf(request: { user: bigint; items: readonly Item[] }): Promise<string> {
      earlier({ orderID: ORDER_ID, shortages: [] });
      await createOrder(ports.store, { ...request, idempotencyKey: KEY, caller: CALLER }, ports);
      return ports.idempotencyKeys.find.lastCall.args[0][0]?.body ?? '';
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

  describe('of several calls', () => {
    const { signal } = new AbortController();

    function callOf(given: Partial<OrderRequest>, context = { signal }) {
      return toOrderCall({ user: USER, items: ITEMS, caller: CALLER, ...given }, context);
    }

    it('locks all of their goods at once, in ascending order, and creates their orders in one transaction', async () => {
      stockUp(100n);
      const items = [30, 20, 10].map((sku) => ({ sku, count: 1 }));
      await createOrders(ports.store, [callOf({ items: items.slice(0, 2) }), callOf({ items })], ports);
      sinon.assert.calledOnceWithExactly(ports.stocks.lockOnSale, [10, 20, 30]);
      sinon.assert.calledOnce(ports.transaction);
      assert.equal(created().length, 2);
    });

    it('serves the calls in their order, each from what the earlier ones have left', async () => {
      stockUp(8n);
      const answers = await createOrders(
        ports.store,
        [1, 2, 3].map(() => callOf({})),
        ports,
      );
      assert.deepEqual(answers.slice(0, 2), [orderIDOf(0), orderIDOf(1)]);
      assert.ok(isRefusal(answers[2], 'out_of_stock'));
      assert.deepEqual(answers[2].facts, {
        orderID: orderIDOf(2),
        shortages: [{ sku: 10, requested: 3, available: 2n }],
      });
    });

    it('passes on with each order the call that it belongs to', async () => {
      stockUp(8n);
      const contexts = ['a', 'b'].map((requestId) => ({ signal, requestId }));
      const calls = contexts.map((context) => callOf({}, context));
      await createOrders(ports.store, calls, ports);
      assert.deepEqual(
        created().map(({ context }) => context.requestId),
        ['a', 'b'],
      );
    });

    it('answers each key for itself, and creates only the orders of new ones', async () => {
      stockUp(8n);
      const earlier = { orderID: 77n, shortages: [] };
      ports.idempotencyKeys.find.resolves([earlier, 'other body', undefined]);
      const calls = [callOf({}), ...['a', 'b', 'c'].map((idempotencyKey) => callOf({ idempotencyKey }))];
      const answers = await createOrders(ports.store, calls, ports);
      assert.deepEqual([answers[0], answers[1], answers[3]], [orderIDOf(0), 77n, orderIDOf(1)]);
      assert.ok(isRefusal(answers[2], 'idempotency_conflict'));
      assert.deepEqual(
        created().map(({ claim }) => claim?.key.text),
        [undefined, 'c'],
      );
    });

    it('creates no order of a caller that left while the goods were locked, and stores no key for it', async () => {
      const leaver = new AbortController();
      const reason = new Error('the caller left');
      ports.stocks.lockOnSale.callsFake(async () => {
        leaver.abort(reason);
        return [{ sku: 10, warehouseID: 1n, count: 3n }];
      });
      const calls = [callOf({ idempotencyKey: KEY }, leaver), callOf({ idempotencyKey: 'stays' })];
      assert.deepEqual(await createOrders(ports.store, calls, ports), [reason, orderIDOf(0)]);
      assertCreated({ claim: { key: { ...SCOPED_KEY, text: 'stays' }, body: `${USER} 10*3` }, shortages: [] });
    });
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
