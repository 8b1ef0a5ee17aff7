import { chooseLines, type Line } from '../goods.ts';
import type { Scenario } from '../scenario.ts';
import type { User, Window } from '../user.ts';
import { atOnce, fillCart } from './purchasing.ts';

interface Plan {
  readonly lines: readonly Line[];
  readonly buysBy: 'purchase' | 'createOrder';
  readonly settlesBy: 'orderPayed' | 'cancelOrder';
}

/** Presses every button twice: the same call with the same key, both at once. One order may come of it. */
export const doubleClick: Scenario<Plan> = {
  name: 'double click',
  weight: 14,
  plan: (dice, goods) => ({
    lines: chooseLines(dice, goods),
    buysBy: dice.pick(['purchase', 'createOrder']),
    settlesBy: dice.pick(['orderPayed', 'cancelOrder']),
  }),
  async play({ lines, buysBy, settlesBy }, user) {
    const who = { user: user.id, idempotencyKey: user.newKey() };
    if (buysBy === 'purchase') await fillCart(user, lines);
    const buy = ({ checkout, loms }: Window) =>
      buysBy === 'purchase' ? checkout.purchase(who) : loms.createOrder({ ...who, items: [...lines] });
    const bought = (await twice(user, buy)).find(({ result }) => result === 'ok');
    if (bought?.result !== 'ok') return;
    const { orderID } = bought.answer;
    await twice(user, ({ loms }) => loms[settlesBy]({ orderID }));
  },
};

function twice<T>(user: User, press: (window: Window) => Promise<T>): Promise<[T, T]> {
  return atOnce(press(user), press(user.secondWindow));
}
