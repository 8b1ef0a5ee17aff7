import type { CallOptions } from 'rpc-kit';
import { chooseLines, chooseSku } from '../goods.ts';
import { defineScenario } from '../scenario.ts';
import { createOrder, fillCart, purchaseCart, viewCart } from './purchasing.ts';

/** Checkout asks for at most ten products a second for all users, so only a few view their cart. */
const VIEWS_CART_PERCENT = 3;
const VIEWS_ORDER_PERCENT = 20;

/** Fills the cart, buys it and pays. */
export const shopper = defineScenario({
  name: 'shopper',
  weight: 40,
  plan: (dice, goods) => ({
    lines: chooseLines(dice, goods),
    viewsCart: dice.chance(VIEWS_CART_PERCENT),
    viewsOrder: dice.chance(VIEWS_ORDER_PERCENT),
  }),
  async play({ lines, viewsCart, viewsOrder }, user) {
    if (!(await fillCart(user, lines))) return;
    if (viewsCart) await viewCart(user);
    const orderID = await purchaseCart(user);
    if (orderID === undefined) return;
    await user.loms.orderPayed({ orderID });
    if (viewsOrder) await user.loms.listOrder({ orderID });
  },
});

const PAYS_AFTERWARDS_PERCENT = 30;

/** Buys and cancels; sometimes pays afterwards, which is too late. */
export const cancel = defineScenario({
  name: 'cancel',
  weight: 10,
  plan: (dice, goods) => ({
    lines: chooseLines(dice, goods),
    buysBy: dice.pick(['purchase', 'createOrder']),
    paysAfterwards: dice.chance(PAYS_AFTERWARDS_PERCENT),
  }),
  async play({ lines, buysBy, paysAfterwards }, user) {
    if (buysBy === 'purchase' && !(await fillCart(user, lines))) return;
    const orderID = buysBy === 'purchase' ? await purchaseCart(user) : await createOrder(user, lines);
    if (orderID === undefined) return;
    await user.loms.cancelOrder({ orderID });
    if (paysAfterwards) await user.loms.orderPayed({ orderID });
  },
});

/** Orders and never pays: the goods stay reserved until the payment timeout. */
export const abandon = defineScenario({
  name: 'abandon',
  weight: 3,
  plan: (dice, goods) => ({ lines: chooseLines(dice, goods) }),
  async play({ lines }, user) {
    await createOrder(user, lines);
  },
});

/** A purchase takes some tens of milliseconds under load: from "before it is sent" to "just as the answer comes". */
const GIVEN_UP_MAX_MS = 60;
const RETURNS_PERCENT = 70;

/** Closes the page while calls are in flight; usually returns and repeats the call with the same key. */
export const impatientCaller = defineScenario({
  name: 'impatient caller',
  weight: 6,
  plan: (dice, goods) => ({
    lines: chooseLines(dice, goods),
    purchaseGivenUpAfterMs: dice.between(0, GIVEN_UP_MAX_MS),
    paymentGivenUpAfterMs: dice.between(0, GIVEN_UP_MAX_MS),
    returns: dice.chance(RETURNS_PERCENT),
  }),
  async play({ lines, purchaseGivenUpAfterMs, paymentGivenUpAfterMs, returns }, user) {
    const key = user.newKey();
    await fillCart(user, lines);
    await user.checkout.purchase({ user: user.id, idempotencyKey: key }, givenUpAfter(purchaseGivenUpAfterMs));
    if (!returns) return;
    const orderID = await purchaseCart(user, key);
    if (orderID !== undefined) await user.loms.orderPayed({ orderID }, givenUpAfter(paymentGivenUpAfterMs));
  },
});

/** A signal, not a timeout: the connection is cut, as by a browser whose page is closed. */
function givenUpAfter(ms: number): CallOptions {
  return { signal: AbortSignal.timeout(ms) };
}

const VIEWS_STOCK_MAX = 6;

/** Reads the stock of some skus. */
export const stockChecker = defineScenario({
  name: 'stock checker',
  weight: 6,
  plan: (dice, goods) => ({
    skus: Array.from({ length: dice.between(1, VIEWS_STOCK_MAX) }, () => chooseSku(dice, goods)),
  }),
  async play({ skus }, user) {
    for (const sku of skus) await user.loms.stocks({ sku });
  },
});
