import { chooseLines, type Line } from '../goods.ts';
import type { Scenario } from '../scenario.ts';
import { fillCart, purchaseCart } from './purchasing.ts';

interface Plan {
  readonly lines: readonly Line[];
  readonly looksAtCart: boolean;
  readonly looksAtOrder: boolean;
}

/** For all users together checkout asks for ten products a second, so only a few look at their cart. */
const LOOKS_AT_CART_PERCENT = 3;
const LOOKS_AT_ORDER_PERCENT = 20;
/** A customer who waits longer for a page than this is gone; the contract would allow 15 s. */
const LIST_TIMEOUT_MS = 2_000;

/** Fills the cart, buys it and pays. */
export const shopper: Scenario<Plan> = {
  name: 'shopper',
  weight: 40,
  plan: (dice, goods) => ({
    lines: chooseLines(dice, goods),
    looksAtCart: dice.chance(LOOKS_AT_CART_PERCENT),
    looksAtOrder: dice.chance(LOOKS_AT_ORDER_PERCENT),
  }),
  async play({ lines, looksAtCart, looksAtOrder }, user) {
    if (!(await fillCart(user, lines))) return;
    if (looksAtCart) await user.checkout.listCart({ user: user.id }, { timeoutMs: LIST_TIMEOUT_MS });
    const orderID = await purchaseCart(user);
    if (orderID === undefined) return;
    await user.loms.orderPayed({ orderID });
    if (looksAtOrder) await user.loms.listOrder({ orderID });
  },
};
