import { chooseLines, type Line } from '../goods.ts';
import type { Scenario } from '../scenario.ts';
import { fillCart, purchaseCart } from './purchasing.ts';

interface Plan {
  readonly lines: readonly Line[];
  readonly buysBy: 'purchase' | 'createOrder';
}

/**
 * Uses an idempotency key a second time: for other goods, which has to be refused, or as another user, whose key is another
 * one. The stranger's cart is empty, and has to stay out of the first purchase.
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
