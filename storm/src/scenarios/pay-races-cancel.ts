import { chooseLines, type Line } from '../goods.ts';
import type { Scenario } from '../scenario.ts';
import { atOnce, createOrder } from './purchasing.ts';

interface Plan {
  readonly lines: readonly Line[];
  readonly first: 'pay' | 'cancel';
}

/** Pays and cancels the same order at once: one of the two has to be refused. */
export const payRacesCancel: Scenario<Plan> = {
  name: 'pay races cancel',
  weight: 10,
  plan: (dice, goods) => ({ lines: chooseLines(dice, goods), first: dice.pick(['pay', 'cancel']) }),
  async play({ lines, first }, user) {
    const orderID = await createOrder(user, lines);
    if (orderID === undefined) return;
    const pay = () => user.loms.orderPayed({ orderID });
    const cancel = () => user.secondWindow.loms.cancelOrder({ orderID });
    await (first === 'pay' ? atOnce(pay(), cancel()) : atOnce(cancel(), pay()));
    await user.loms.listOrder({ orderID });
  },
};
