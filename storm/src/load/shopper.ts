import { randomUUID } from 'node:crypto';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { type RecordedCall, recordCalls } from '../recorder.ts';
import type { Clients } from '../user.ts';

interface Shopper {
  readonly id: bigint;
  readonly clients: Pick<Clients, 'checkout' | 'loms'>;
  /** The skus that are bought in turn. */
  readonly skus: readonly number[];
  record(call: RecordedCall): void;
}

/** Skus in a purchase, one piece of each. */
export const LINES = 2;

/** @returns buys and pays once; resolves to whether the order is paid */
export function createShopper({ id: user, clients, skus, record }: Shopper): () => Promise<boolean> {
  const recording = { name: `user-${user}`, before: async () => {}, record };
  const shop = recordCalls(checkout, clients.checkout, recording);
  const orders = recordCalls(loms, clients.loms, recording);
  // Shoppers start at different skus, so that they do not wait for each other's locks.
  let next = Number(user % BigInt(skus.length));
  const nextSku = (): number => {
    next = (next + 1) % skus.length;
    return skus[next] as number;
  };
  return async () => {
    for (let line = 0; line < LINES; line++) {
      const added = await shop.addToCart({ user, sku: nextSku(), count: 1 });
      if (added.result !== 'ok') return false;
    }
    const bought = await shop.purchase({ user, idempotencyKey: randomUUID() });
    if (bought.result !== 'ok') return false;
    const paid = await orders.orderPayed({ orderID: bought.answer.orderID });
    return paid.result === 'ok';
  };
}
