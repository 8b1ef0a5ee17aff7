import { chooseLines, type Line } from '../goods.ts';
import type { Scenario } from '../scenario.ts';
import { createOrder } from './purchasing.ts';

interface Plan {
  readonly lines: readonly Line[];
}

/** Orders and never pays: the goods stay reserved until the payment timeout gives them back. */
export const abandon: Scenario<Plan> = {
  name: 'abandon',
  weight: 3,
  plan: (dice, goods) => ({ lines: chooseLines(dice, goods) }),
  async play({ lines }, user) {
    await createOrder(user, lines);
  },
};
