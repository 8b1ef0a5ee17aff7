import assert from 'node:assert/strict';
import { checkout } from 'checkout/contract.ts';
import { failedWith } from 'rpc-kit';
import { answerTo, eventually } from '../../src/patience.ts';
import type { CHECKOUT_POINTS, CHECKOUT_TRANSACTIONS, LOMS_POINTS, LOMS_TRANSACTIONS } from './crash-points.ts';
import { type Goods, type Life, SUPPLY } from './life.ts';
import { fillCart, goodsOf, loseLoms, purchaseOnce, removeOne } from './steps.ts';

/** The buyer's state after the scenario. */
export interface Expected {
  /** The buyer's orders, the oldest first. */
  readonly orders: readonly { readonly status: string; readonly goods: Goods }[];
  readonly cart: Goods;
}

/** Calls that reach the crash point, retried as a client would. */
export type Scenario = (life: Life) => Promise<Expected>;

const ordered = (life: Life, status: string, goods = goodsOf(life)): Expected => ({
  orders: [{ status, goods }],
  cart: {},
});

const buy: Scenario = async (life) => {
  await fillCart(life);
  await purchaseOnce(life);
  return ordered(life, 'awaiting payment');
};

const pay: Scenario = async (life) => {
  await fillCart(life);
  const orderID = await purchaseOnce(life);
  await answerTo(() => life.loms.orderPayed({ orderID }));
  return ordered(life, 'payed');
};

const cancel: Scenario = async (life) => {
  await fillCart(life);
  const orderID = await purchaseOnce(life);
  await answerTo(() => life.loms.cancelOrder({ orderID }));
  return ordered(life, 'cancelled');
};

const letItExpire: Scenario = async (life) => {
  await fillCart(life);
  const orderID = await purchaseOnce(life);
  await life.sql.loms('UPDATE orders SET payment_due_at = now() WHERE order_id = $1', [orderID]);
  await eventually('the order is cancelled', async () => {
    return (await answerTo(() => life.loms.listOrder({ orderID }))).status === 'cancelled';
  });
  return ordered(life, 'cancelled');
};

/** Another buyer is faster, so that loms refuses the order. */
const beRefused: Scenario = async (life) => {
  await fillCart(life);
  const { user, key, skus, loms } = life;
  const otherOrder = { user: -1n, items: [{ sku: skus[0], count: SUPPLY }] };
  await answerTo(() => loms.createOrder({ ...otherOrder, idempotencyKey: `before ${key}` }));
  const refusal = async (): Promise<unknown> => {
    const error = await answerTo(() => life.checkout.purchase({ user, idempotencyKey: key })).catch((reason) => reason);
    assert.ok(failedWith(error, checkout.methods.purchase, 'out_of_stock'), String(error));
    return error.details;
  };
  assert.deepEqual(await refusal(), await refusal());
  return { orders: [{ status: 'failed', goods: goodsOf(life) }], cart: goodsOf(life) };
};

const buyLess: Scenario = async (life) => {
  await fillCart(life);
  await removeOne(life);
  await purchaseOnce(life);
  return ordered(life, 'awaiting payment', { [life.skus[0]]: 1, [life.skus[1]]: 1 });
};

/** The goods are in a pending purchase by then: its order contains them although the cart changes. */
const removeFromPurchase: Scenario = async (life) => {
  await fillCart(life);
  await loseLoms(life);
  await removeOne(life);
  await life.startAgain('loms');
  await purchaseOnce(life);
  return ordered(life, 'awaiting payment');
};

/** Without another call, the background finishes the purchase. */
const beResumed: Scenario = async (life) => {
  await fillCart(life);
  await loseLoms(life);
  await life.startAgain('loms');
  const makeDue = () =>
    life.sql.checkout("UPDATE purchases SET resume_at = now() WHERE state = 'pending' AND user_id = $1", [life.user]);
  await makeDue();
  await life.died;
  // A process that died after its claim has postponed the purchase.
  await makeDue();
  await eventually('the background has finished the purchase', async () => Object.keys(await life.cart()).length === 0);
  await purchaseOnce(life);
  return ordered(life, 'awaiting payment');
};

const waitForNotifications: Scenario = async (life) => {
  await life.stop('notifications');
  const expected = await buy(life);
  await life.died;
  await life.startAgain('notifications');
  return expected;
};

/** The database of notifications refuses the buyer's events, until the point is reached. */
const beRefusedByNotifications: Scenario = async (life) => {
  const { user, died, sql } = life;
  await sql.notifications(`ALTER TABLE notifications ADD CONSTRAINT refused CHECK (user_id <> ${user}) NOT VALID`);
  const expected = await buy(life);
  await died;
  await sql.notifications('ALTER TABLE notifications DROP CONSTRAINT refused');
  return expected;
};

/** Delivered events are deleted after a while; the order and its history stay. */
const beDeleted: Scenario = async (life) => {
  const expected = await buy(life);
  const events = 'SELECT FROM outbox JOIN orders USING (order_id) WHERE orders.user_id = $1';
  await eventually('the events are deleted', async () => (await life.sql.loms(events, [life.user])).length === 0);
  return expected;
};

/** Goods come in once, whatever became of the first call. */
const receiveGoods: Scenario = async ({ loms, user, key, skus: [sku] }) => {
  const arrival = { sku, warehouseID: 1n, delta: 10n, idempotencyKey: key, actor: user };
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(await answerTo(() => loms.adjustStock(arrival)), { onSale: BigInt(SUPPLY + 10) });
  }
  return { orders: [], cart: {} };
};

type Point<T extends object, P extends readonly string[]> = keyof T | P[number];

/** One for each transaction and each further point of crash-points.ts: a missing one does not compile. */
export const SCENARIOS = {
  loms: {
    createOrder: buy,
    'createOrder without enough goods': beRefused,
    orderPayed: pay,
    'cancelling an overdue order': letItExpire,
    cancelOrder: cancel,
    adjustStock: receiveGoods,
    'claiming events': waitForNotifications,
    'acknowledging events': buy,
    'postponing an event': beRefusedByNotifications,
    'releasing events': waitForNotifications,
    'forgetting delivered events': beDeleted,
    'after events were delivered': buy,
  } satisfies Record<Point<typeof LOMS_TRANSACTIONS, typeof LOMS_POINTS>, Scenario>,
  checkout: {
    addToCart: buy,
    deleteFromCart: buyLess,
    'deleteFromCart of goods in a purchase': removeFromPurchase,
    'beginning a purchase': buy,
    'settling a purchase': buy,
    'settling a refused purchase': beRefused,
    'claiming unfinished purchases': beResumed,
    'before the call to loms': buy,
    'after the answer of loms': buy,
  } satisfies Record<Point<typeof CHECKOUT_TRANSACTIONS, typeof CHECKOUT_POINTS>, Scenario>,
};
