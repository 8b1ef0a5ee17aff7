import { chooseLines, type Line } from '../goods.ts';
import type { Scenario } from '../scenario.ts';
import { createOrder, fillCart, purchaseCart } from './purchasing.ts';

interface Plan {
  readonly lines: readonly Line[];
  readonly buysBy: 'purchase' | 'createOrder';
  readonly paysAfterwards: boolean;
}

const PAYS_AFTERWARDS_PERCENT = 30;

/** Buys and thinks better of it; now and then pays all the same, which comes too late. */
export const cancel: Scenario<Plan> = {
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
};
