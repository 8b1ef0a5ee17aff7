import { chooseLines, type Line } from '../goods.ts';
import type { Scenario } from '../scenario.ts';
import { fillCart, purchaseCart } from './purchasing.ts';

interface Plan {
  readonly lines: readonly Line[];
  readonly buysBy: 'purchase' | 'createOrder';
}

/**
 * Uses an idempotency key a second time with another body, which has to be refused. The body of a purchase is its user, so
 * there it is somebody else who comes with the key.
 */
export const keyReuse: Scenario<Plan> = {
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
};
