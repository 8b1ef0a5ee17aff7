import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cancelOverdueOrders } from '../src/domain/cancel-overdue-orders.ts';
import { createOverdueOrders } from '../src/repository/orders.ts';
import { createStore } from '../src/repository/store.ts';
import { eventually, type Loms, type Outcome, outcomeOf, settle } from './loms-fixture.ts';
import { assertCreated, assertRefused, reasonOf } from './order-answers.ts';
import type { ModelOrder, OrderModel, OrderRequest } from './order-model.ts';

/** The steps of the model-based test, in the model and for real. */
export interface Real {
  readonly loms: Loms;
  /** Apart for each run, so that no run meets the goods and keys of another. */
  skuOf(sku: number): number;
  keyOf(key: string): string;
}

/** What there is of each sku: few, so that their steps meet, and one of which a full line can be had. */
export const SUPPLIES = [20n, 8n, 70_000n];
export const WAREHOUSES = 3n;
const KEYS = ['a', 'b', 'c'];
/** Few, so that an order is paid, cancelled and overdue in turn. */
const LATEST = 3;

const anySku = fc.oneof({ weight: 12, arbitrary: fc.nat(SUPPLIES.length - 1) }, fc.constant(SUPPLIES.length));
/** With a line that is full already, a second one of the same sku is too much. */
const anyCount = fc.oneof({ weight: 12, arbitrary: fc.integer({ min: 1, max: 3 }) }, fc.constant(65_535));
const anyItems = fc.array(fc.record({ sku: anySku, count: anyCount }), { minLength: 1, maxLength: 3 });
const anyUser = fc.constantFrom(1n, 9_223_372_036_854_775_807n);
const anyKey = fc.option(fc.constantFrom(...KEYS), { nil: undefined, freq: 2 });
const anyLatest = fc.nat(LATEST - 1);

type Step = fc.AsyncCommand<OrderModel, Real>;

function stepOf(words: string, act: (model: OrderModel, real: Real) => Promise<void>): Step {
  return {
    check: () => true,
    async run(model, real) {
      await act(model, real);
      await assertStocks(model, real);
    },
    toString: () => words,
  };
}

const anyRequest = fc.record({ user: anyUser, items: anyItems, key: anyKey });

const anyCreation = anyRequest.map((request) =>
  stepOf(`${wordsOf(request)} is created`, async (model, real) => {
    await create(model, real, [toReal(request, real)]);
  }),
);

/** They share a transaction, and still come one after the other. */
const anyCreations = fc.array(anyRequest, { minLength: 2, maxLength: 6 }).map((requests) =>
  stepOf(`${requests.map(wordsOf).join(' and ')} are created at once`, async (model, real) => {
    await create(
      model,
      real,
      requests.map((request) => toReal(request, real)),
    );
  }),
);

const anyPayments = fc.uniqueArray(anyLatest, { minLength: 2 }).map((latest) =>
  stepOf(`the orders ${latest} before the latest are paid at once`, async (model, { loms }) => {
    const orders = latest.flatMap((index) => model.orders.at(-1 - index) ?? []);
    const outcomes = await Promise.all(orders.map((order) => settle(() => loms.client.orderPayed(idOf(order)))));
    for (const [index, order] of orders.entries()) {
      assertRefused(outcomes[index] as Outcome<unknown>, model.pay(order), order);
    }
  }),
);

const anyRepetition = fc.constantFrom(...KEYS).map((key) =>
  stepOf(`what was created under ${key} is created again`, async (model, real) => {
    const request = model.requests.get(real.keyOf(key));
    if (request) await create(model, real, [request]);
  }),
);

const anyPayment = fc.tuple(anyLatest).map(([latest]) =>
  stepOf(`the order ${latest} before the latest is paid`, async (model, { loms }) => {
    const order = model.orders.at(-1 - latest);
    if (order) assertRefused(await settle(() => loms.client.orderPayed(idOf(order))), model.pay(order), order);
  }),
);

const anyCancellation = fc.tuple(anyLatest).map(([latest]) =>
  stepOf(`the order ${latest} before the latest is cancelled`, async (model, { loms }) => {
    const order = model.orders.at(-1 - latest);
    if (order) assertRefused(await settle(() => loms.client.cancelOrder(idOf(order))), model.cancel(order), order);
  }),
);

const anyExpiry = fc.tuple(anyLatest).map(([latest]) =>
  stepOf(`the order ${latest} before the latest is overdue`, async (model, { loms }) => {
    const order = model.orders.at(-1 - latest);
    if (order?.status !== 'awaiting payment') return;
    await loms.query('UPDATE orders SET payment_due_at = now() WHERE order_id = $1', [order.orderID]);
    const store = createStore(loms.database, { paymentTimeoutMs: 600_000 });
    const onFailure = (_orderID: bigint, error: unknown) => assert.fail(String(error));
    await cancelOverdueOrders(createOverdueOrders(loms.database), store, { onFailure }, new AbortController());
    // The background may have locked it already; then this round has skipped it.
    const read = async () => (await loms.client.listOrder(idOf(order))).status;
    await eventually('the order is cancelled', read, (status) => status !== 'awaiting payment');
    model.expire(order);
    assert.equal(await read(), order.status);
  }),
);

const anyLook = fc.tuple(anyLatest).map(([latest]) =>
  stepOf(`the order ${latest} before the latest is shown`, async (model, { loms }) => {
    const order = model.orders.at(-1 - latest);
    if (!order) return;
    const { user, status, items } = order;
    assert.deepEqual(await loms.client.listOrder(idOf(order)), { status, user, items });
  }),
);

const anyStranger = fc.constantFrom('listOrder' as const, 'orderPayed' as const, 'cancelOrder' as const).map((method) =>
  stepOf(`${method} is called for an order that does not exist`, async (_model, { loms }) => {
    const outcome = await outcomeOf<unknown>(loms.client[method]({ orderID: -1n }));
    assert.equal(reasonOf(outcome), 'order_not_found');
  }),
);

const anyStockLook = anySku.map((sku) =>
  stepOf(`the stock of ${sku} is shown`, async (model, { loms, skuOf }) => {
    const { stocks } = await loms.client.stocks({ sku: skuOf(sku) });
    assert.ok(stocks.every(({ count }) => count > 0n));
    const sum = stocks.reduce((all, { count }) => all + count, 0n);
    assert.equal(sum, model.stocks.get(skuOf(sku))?.onSale ?? 0n);
  }),
);

export const anySteps = fc.commands(
  [
    ...[
      anyCreation,
      anyCreation,
      anyCreations,
      anyCreations,
      anyRepetition,
      anyPayment,
      anyPayments,
      anyPayment,
      anyCancellation,
      anyCancellation,
    ],
    ...[anyExpiry, anyLook, anyStranger, anyStockLook],
  ],
  { maxCommands: 40, size: 'max' },
);

export async function assertStocks(model: OrderModel, { loms }: Real): Promise<void> {
  const rows = await loms.query(
    'SELECT sku, sum(on_sale) AS on_sale, sum(reserved) AS reserved, sum(sold) AS sold FROM stocks WHERE sku = ANY($1) GROUP BY sku',
    [[...model.stocks.keys()]],
  );
  const real = new Map(
    rows.map(({ sku, on_sale: onSale, reserved, sold }) => [Number(sku), { onSale, reserved, sold }]),
  );
  for (const [sku, stock] of model.stocks) assert.deepEqual(real.get(sku), stock, `the stock of ${sku}`);
}

async function create(model: OrderModel, { loms }: Real, requests: readonly OrderRequest[]): Promise<void> {
  const call = ({ user, items, key }: OrderRequest) => {
    const wire = { user, items: [...items], idempotencyKey: key };
    // Without a key, a repeated call would create a second order; with one, it repeats the answer.
    return key === undefined ? outcomeOf(loms.client.createOrder(wire)) : settle(() => loms.client.createOrder(wire));
  };
  const outcomes = await Promise.all(requests.map(call));
  for (const [index, request] of requests.entries()) {
    const known = new Set(model.orders.map(({ orderID }) => orderID));
    assertCreated(outcomes[index] as Outcome<{ orderID: bigint }>, model.create(request), known);
  }
}

function idOf({ orderID }: ModelOrder): { orderID: bigint } {
  assert.ok(orderID !== undefined);
  return { orderID };
}

function toReal({ user, items, key }: OrderRequest, { skuOf, keyOf }: Real): OrderRequest {
  return { user, items: items.map(({ sku, count }) => ({ sku: skuOf(sku), count })), key: key && keyOf(key) };
}

function wordsOf({ user, items, key }: OrderRequest): string {
  return `an order of user ${user} for ${items.map(({ sku, count }) => `${count} of ${sku}`).join(', ')} under ${key}`;
}
