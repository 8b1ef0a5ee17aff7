import assert from 'node:assert/strict';
import { answerTo, isUnanswered } from '../../src/patience.ts';
import type { Goods, Life } from './life.ts';

/** The goods of every scenario. */
export const goodsOf = ({ skus: [a, b] }: Life): Goods => ({ [a]: 2, [b]: 1 });

/** Retries a call that is not safe to repeat: the cart shows whether it took effect. */
async function changeCart(life: Life, call: () => Promise<unknown>, changed: Goods): Promise<void> {
  const cart = await life.cart();
  for (;;) {
    try {
      await call();
      break;
    } catch (error) {
      if (!isUnanswered(error)) throw error;
    }
    const now = await life.cart();
    if (JSON.stringify(now) === JSON.stringify(changed)) break;
    assert.deepEqual(now, cart, 'a change takes effect wholly or not at all');
  }
  assert.deepEqual(await life.cart(), changed);
}

export async function fillCart(life: Life): Promise<void> {
  const { user, skus, checkout } = life;
  const goods: Record<number, number> = {};
  for (const [sku, count] of [[skus[0], 2] as const, [skus[1], 1] as const]) {
    goods[sku] = count;
    await changeCart(life, () => checkout.addToCart({ user, sku, count }), goods);
  }
}

export async function removeOne(life: Life): Promise<void> {
  const { user, skus, checkout } = life;
  const count = 1;
  await changeCart(life, () => checkout.deleteFromCart({ user, sku: skus[0], count }), { [skus[0]]: 1, [skus[1]]: 1 });
}

/** Purchases, and repeats the call with the same key. */
export async function purchaseOnce({ user, key, checkout }: Life): Promise<bigint> {
  const { orderID } = await answerTo(() => checkout.purchase({ user, idempotencyKey: key }));
  assert.deepEqual(await answerTo(() => checkout.purchase({ user, idempotencyKey: key })), { orderID });
  return orderID;
}

/** Stops loms and calls purchase, which stays pending. */
export async function loseLoms({ user, key, checkout, stop, cart }: Life): Promise<void> {
  const goods = await cart();
  await stop('loms');
  const failure = await checkout.purchase({ user, idempotencyKey: key }).catch((error: unknown) => error);
  assert.ok(isUnanswered(failure), String(failure));
  assert.deepEqual(await cart(), goods);
}
