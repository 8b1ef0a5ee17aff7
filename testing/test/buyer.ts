import assert from 'node:assert/strict';
import type { checkout } from 'checkout/contract.ts';
import type { loms } from 'loms/contract.ts';
import { type Client, RpcError } from 'rpc-kit';
import { answerTo } from '../src/patience.ts';

export interface Replicas {
  readonly checkouts: readonly Client<typeof checkout.methods>[];
  readonly lomses: readonly Client<typeof loms.methods>[];
}

export interface Buyer {
  /** The orders of its purchases. */
  readonly ordered: readonly bigint[];
  /** Changes the cart, buys it, and may settle the order. */
  takeTurn(turn: number): Promise<void>;
}

/** The reasons for which these calls may be refused; any other failure is an error, or must pass on a retry. */
const REASONS = {
  addToCart: ['insufficient_stock'],
  purchase: ['cart_empty', 'out_of_stock'],
  settle: ['order_not_payable', 'order_not_cancellable'],
};

/** The answer, or the reason of the refusal. Calls with an unknown outcome are retried. */
async function answerOf<T>(call: () => Promise<T>, reasons: readonly string[]): Promise<T | string> {
  return answerTo(call).catch((error: unknown) => {
    assert.ok(error instanceof RpcError, String(error));
    assert.ok(error.reason && reasons.includes(error.reason), `${error.code}: ${error.message}`);
    return error.reason;
  });
}

/** Each call goes to a random replica, and conflicting calls go to several at the same moment. */
export function createBuyer(
  { checkouts, lomses }: Replicas,
  user: bigint,
  skus: readonly number[],
  pick: <T>(of: readonly T[]) => T,
): Buyer {
  const ordered: bigint[] = [];

  async function add(): Promise<void> {
    const line = { user, sku: pick(skus), count: pick([1, 2, 3]) };
    await answerOf(() => pick(checkouts).addToCart(line), REASONS.addToCart);
  }

  async function remove(): Promise<void> {
    await answerTo(() => pick(checkouts).deleteFromCart({ user, sku: pick(skus), count: 1 }));
  }

  async function buy(idempotencyKey: string): Promise<bigint | undefined> {
    const buying = checkouts.map((client) =>
      answerOf(() => client.purchase({ user, idempotencyKey }), REASONS.purchase),
    );
    const [first, ...others] = await Promise.all(buying);
    for (const other of others) assert.deepEqual(other, first, 'all calls with one key have the same answer');
    if (typeof first !== 'object') return undefined;
    ordered.push(first.orderID);
    return first.orderID;
  }

  async function settle(orderID: bigint): Promise<void> {
    const [payer, canceller] = [pick(lomses), pick(lomses)];
    const answers = await Promise.all([
      answerOf(() => payer.orderPayed({ orderID }), REASONS.settle),
      answerOf(() => canceller.cancelOrder({ orderID }), REASONS.settle),
    ]);
    const wins = answers.filter((answer) => typeof answer === 'object');
    assert.equal(wins.length, 1, 'an order is paid or cancelled, and not both');
  }

  return {
    ordered,
    async takeTurn(turn) {
      await Promise.all([add(), add()]);
      const [orderID] = await Promise.all([buy(`turn ${turn} of ${user}`), add(), remove()]);
      if (orderID !== undefined && pick([true, true, false])) await settle(orderID);
    },
  };
}
