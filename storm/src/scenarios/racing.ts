import { chooseLines, type Line } from '../goods.ts';
import { defineScenario } from '../scenario.ts';
import type { User, Window } from '../user.ts';
import { createOrder, fillCart, purchaseCart, viewCart } from './purchasing.ts';

/** Presses every button twice: the same call with the same key from two windows at once. It may create one order. */
export const doubleClick = defineScenario({
  name: 'double click',
  weight: 14,
  plan: (dice, goods) => ({
    lines: chooseLines(dice, goods),
    buysBy: dice.pick(['purchase', 'createOrder']),
    settlesBy: dice.pick(['orderPayed', 'cancelOrder']),
  }),
  async play({ lines, buysBy, settlesBy }, user) {
    const buyer = { user: user.id, idempotencyKey: user.newKey() };
    if (buysBy === 'purchase') await fillCart(user, lines);
    const buy = ({ checkout, loms }: Window) =>
      buysBy === 'purchase' ? checkout.purchase(buyer) : loms.createOrder({ ...buyer, items: [...lines] });
    const bought = (await twice(user, buy)).find(({ result }) => result === 'ok');
    if (bought?.result !== 'ok') return;
    const { orderID } = bought.answer;
    await twice(user, ({ loms }) => loms[settlesBy]({ orderID }));
  },
});

function twice<T>(user: User, press: (window: Window) => Promise<T>): Promise<[T, T]> {
  return atOnce(press(user), press(user.secondWindow));
}

/** Pays and cancels the same order at once: one of the two has to be refused. */
export const payRacesCancel = defineScenario({
  name: 'pay races cancel',
  weight: 10,
  plan: (dice, goods) => ({ lines: chooseLines(dice, goods), first: dice.pick(['pay', 'cancel']) }),
  async play({ lines, first }, user) {
    const orderID = await createOrder(user, lines);
    if (orderID === undefined) return;
    const pay = () => user.loms.orderPayed({ orderID });
    const cancelOrder = () => user.secondWindow.loms.cancelOrder({ orderID });
    await (first === 'pay' ? atOnce(pay(), cancelOrder()) : atOnce(cancelOrder(), pay()));
    await user.loms.listOrder({ orderID });
  },
});

interface Edit {
  readonly method: 'addToCart' | 'deleteFromCart';
  readonly line: Line;
}

const EDITS_MAX = 4;
const VIEWS_CART_PERCENT = 40;

/** Adds and deletes in a second window while the first one buys: goods added meanwhile have to stay in the cart. */
export const cartEditor = defineScenario({
  name: 'cart editor',
  weight: 6,
  plan(dice, goods) {
    const lines = chooseLines(dice, goods);
    const chooseEdit = (): Edit =>
      dice.chance(50)
        ? { method: 'deleteFromCart', line: dice.pick(lines) }
        : { method: 'addToCart', line: dice.pick(chooseLines(dice, goods)) };
    const edits: readonly Edit[] = Array.from({ length: dice.between(1, EDITS_MAX) }, chooseEdit);
    return {
      lines,
      edits,
      viewsCart: dice.chance(VIEWS_CART_PERCENT),
    };
  },
  async play({ lines, edits, viewsCart }, user) {
    await fillCart(user, lines);
    const [orderID] = await atOnce(purchaseCart(user), editCart(user, edits));
    if (viewsCart) await viewCart(user);
    if (orderID !== undefined) await user.loms.orderPayed({ orderID });
  },
});

async function editCart(user: User, edits: readonly Edit[]): Promise<void> {
  for (const { method, line } of edits) await user.secondWindow.checkout[method]({ user: user.id, ...line });
}

/**
 * Uses an idempotency key twice: for other goods, which has to be refused, or as another user, for whom it is another key.
 * That user's cart is empty and has to stay out of the first purchase.
 */
export const keyReuse = defineScenario({
  name: 'key reuse',
  weight: 5,
  plan: (dice, goods) => ({ lines: chooseLines(dice, goods), buysBy: dice.pick(['purchase', 'createOrder']) }),
  async play({ lines, buysBy }, user) {
    const idempotencyKey = user.newKey();
    if (buysBy === 'purchase') {
      await fillCart(user, lines);
      await purchaseCart(user, idempotencyKey);
      await user.checkout.purchase({ user: user.stranger, idempotencyKey });
      return;
    }
    const items = [...lines];
    await user.loms.createOrder({ user: user.id, items, idempotencyKey });
    const others = items.map(({ sku, count }) => ({ sku, count: count + 1 }));
    await user.loms.createOrder({ user: user.id, items: others, idempotencyKey });
  },
});

/** Waits for both, also when the storm ends before one of them is sent: a call in flight ends in the history. */
export async function atOnce<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}
