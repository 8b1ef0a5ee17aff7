import { chooseSku } from '../goods.ts';
import type { Scenario } from '../scenario.ts';

interface Plan {
  readonly skus: readonly number[];
}

const LOOKS_MAX = 6;

/** Looks what is on sale, hot skus and others. */
export const stockChecker: Scenario<Plan> = {
  name: 'stock checker',
  weight: 6,
  plan: (dice, goods) => ({
    skus: Array.from({ length: dice.between(1, LOOKS_MAX) }, () => chooseSku(dice, goods)),
  }),
  async play({ skus }, user) {
    for (const sku of skus) await user.loms.stocks({ sku });
  },
};
