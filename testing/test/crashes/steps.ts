import assert from 'node:assert/strict';
import { answerTo, isUnanswered } from '../../src/patience.ts';
import type { Goods, Life } from './life.ts';

/** What the buyer of every scenario buys. */
export const goodsOf = ({ skus: [a, b] }: Life): Goods => ({ [a]: 2, [b]: 1 });

/** Repeats a call that is not safe to repeat: the cart tells whether it took effect, wholly or not at all. */
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

/** Buys, and asks again under the key. */
export async function purchaseOnce({ user, key, checkout }: Life): Promise<bigint> {
  const { orderID } = await answerTo(() => checkout.purchase({ user, idempotencyKey: key }));
  assert.deepEqual(await answerTo(() => checkout.purchase({ user, idempotencyKey: key })), { orderID });
  return orderID;
}

/** loms is away, so that the purchase stays pending. */
export async function beCutOff({ user, key, checkout, stop, cart }: Life): Promise<void> {
  const goods = await cart();
  await stop('loms');
  const failure = await checkout.purchase({ user, idempotencyKey: key }).catch((error: unknown) => error);
  assert.ok(isUnanswered(failure), String(failure));
  assert.deepEqual(await cart(), goods);
}
