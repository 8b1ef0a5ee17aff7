import assert from 'node:assert/strict';
import { checkout } from 'checkout/contract.ts';
import { failedWith } from 'rpc-kit';
import { answerTo, eventually } from '../../src/patience.ts';
import type { CHECKOUT_PLACES, CHECKOUT_TRANSACTIONS, LOMS_PLACES, LOMS_TRANSACTIONS } from './crash-points.ts';
import { type Goods, type Life, SUPPLY } from './life.ts';
import { beCutOff, fillCart, goodsOf, purchaseOnce, removeOne } from './steps.ts';

/** What must be true of the buyer once all is over. */
export interface Expected {
  /** How the orders of the buyer stand, the oldest first. */
  readonly orders: readonly { readonly status: string; readonly goods: Goods }[];
  readonly cart: Goods;
}

/** The calls that run into the point, repeated as a client would. */
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

/** Somebody else is faster, so that loms refuses the order. */
const beRefused: Scenario = async (life) => {
  await fillCart(life);
  const { user, key, skus, loms } = life;
  const others = { user: -1n, items: [{ sku: skus[0], count: SUPPLY }] };
  await answerTo(() => loms.createOrder({ ...others, idempotencyKey: `before ${key}` }));
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

/** The goods are in a purchase by then, whose order holds them whatever the cart shows. */
const removeFromPurchase: Scenario = async (life) => {
  await fillCart(life);
  await beCutOff(life);
  await removeOne(life);
  await life.startAgain('loms');
  await purchaseOnce(life);
  return ordered(life, 'awaiting payment');
};

/** Nobody calls again: the background finishes the purchase. */
const beResumed: Scenario = async (life) => {
  await fillCart(life);
  await beCutOff(life);
  await life.startAgain('loms');
  const makeDue = () =>
    life.sql.checkout("UPDATE purchases SET resume_at = now() WHERE state = 'pending' AND user_id = $1", [life.user]);
  await makeDue();
  await life.died;
  // Who died after it had claimed the purchase has put it off.
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

/** Delivered events are deleted after a while; the order and its history stay. */
const beForgotten: Scenario = async (life) => {
  const expected = await buy(life);
  const events = 'SELECT FROM outbox JOIN orders USING (order_id) WHERE orders.user_id = $1';
  await eventually('the events are forgotten', async () => (await life.sql.loms(events, [life.user])).length === 0);
  return expected;
};

type Point<T extends object, P extends readonly string[]> = keyof T | P[number];

/** One for each transaction and each place of crash-points.ts: the compiler sees a missing one. */
export const SCENARIOS = {
  loms: {
    createOrder: buy,
    'createOrder without enough goods': beRefused,
    orderPayed: pay,
    'cancelling an overdue order': letItExpire,
    cancelOrder: cancel,
    'claiming events': waitForNotifications,
    'acknowledging events': buy,
    'postponing an event': waitForNotifications,
    'forgetting delivered events': beForgotten,
    'after an event was delivered': buy,
  } satisfies Record<Point<typeof LOMS_TRANSACTIONS, typeof LOMS_PLACES>, Scenario>,
  checkout: {
    addToCart: buy,
    deleteFromCart: buyLess,
    'deleteFromCart of goods in a purchase': removeFromPurchase,
    'beginning a purchase': buy,
    'settling a purchase': buy,
    'settling a refused purchase': beRefused,
    'claiming unfinished purchases': beResumed,
    'before loms is asked': buy,
    'after loms answered': buy,
  } satisfies Record<Point<typeof CHECKOUT_TRANSACTIONS, typeof CHECKOUT_PLACES>, Scenario>,
};
