import { chooseLines, type Line } from '../goods.ts';
import type { Scenario } from '../scenario.ts';
import type { User } from '../user.ts';
import { atOnce, fillCart, purchaseCart } from './purchasing.ts';

interface Edit {
  readonly method: 'addToCart' | 'deleteFromCart';
  readonly line: Line;
}

interface Plan {
  readonly lines: readonly Line[];
  readonly editsMeanwhile: readonly Edit[];
  readonly looksAtCart: boolean;
}

const EDITS_MAX = 4;
const LOOKS_AT_CART_PERCENT = 40;
const LIST_TIMEOUT_MS = 2_000;

/** Adds and deletes in a second window while the first one buys: what is added meanwhile has to stay in the cart. */
export const cartEditor: Scenario<Plan> = {
  name: 'cart editor',
  weight: 6,
  plan(dice, goods) {
    const lines = chooseLines(dice, goods);
    const chooseEdit = (): Edit =>
      dice.chance(50)
        ? { method: 'deleteFromCart', line: dice.pick(lines) }
        : { method: 'addToCart', line: dice.pick(chooseLines(dice, goods)) };
    return {
      lines,
      editsMeanwhile: Array.from({ length: dice.between(1, EDITS_MAX) }, chooseEdit),
      looksAtCart: dice.chance(LOOKS_AT_CART_PERCENT),
    };
  },
  async play({ lines, editsMeanwhile, looksAtCart }, user) {
    await fillCart(user, lines);
    const [orderID] = await atOnce(purchaseCart(user), edit(user, editsMeanwhile));
    if (looksAtCart) await user.checkout.listCart({ user: user.id }, { timeoutMs: LIST_TIMEOUT_MS });
    if (orderID !== undefined) await user.loms.orderPayed({ orderID });
  },
};

async function edit(user: User, edits: readonly Edit[]): Promise<void> {
  for (const { method, line } of edits) await user.secondWindow.checkout[method]({ user: user.id, ...line });
}
