import type { CartLine, CartReader } from 'checkout/testing';
import { RpcError, startDeadline } from 'rpc-kit';
import { answerTo } from '../harness/child.ts';
import {
  assemble,
  type Bounds,
  CATALOGUE_SIZE,
  LIST_CART_TIMEOUT_MS,
  type List,
  openProducts,
  type VariantName,
} from './variants.ts';

/** One run: this many users list their carts at the same moment. */
export interface RunOrder {
  readonly variant: VariantName;
  readonly bounds: Bounds;
  readonly users: number;
  readonly skusEach: number;
  /** Calls that take longer are cut off. */
  readonly limitMs: number;
}

export interface Run {
  readonly latenciesMs: readonly number[];
  /** How many calls ended without a cart, by reason. */
  readonly failures: Readonly<Record<string, number>>;
  readonly seconds: number;
}

const CUT_OFF = new Error('cut off by the benchmark');

/** Runs a variant of listCart in its own process: `lister.ts <port of the product service>`. */
const peer = openProducts(Number(process.argv[2]));

answerTo({
  async run({ variant, bounds, users, skusEach, limitMs }: RunOrder): Promise<Run> {
    const list = assemble(variant, bounds, peer, cartsInMemory(skusEach));
    const latenciesMs: number[] = [];
    const failures: Record<string, number> = {};
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(CUT_OFF), limitMs);
    const startedAt = performance.now();
    const listOne = async (user: number): Promise<void> => {
      try {
        await listWithin(bounds, list, BigInt(user), limit.signal);
        latenciesMs.push(performance.now() - startedAt);
      } catch (error) {
        const why = limit.signal.aborted ? CUT_OFF.message : error instanceof RpcError ? error.code : String(error);
        failures[why] = (failures[why] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: users }, (_, user) => listOne(user)));
    clearTimeout(timer);
    return { latenciesMs, failures, seconds: (performance.now() - startedAt) / 1_000 };
  },
});

async function listWithin(bounds: Bounds, list: List, user: bigint, limit: AbortSignal): Promise<void> {
  if (bounds === 'lifted') {
    await list(user, { signal: limit });
    return;
  }
  using deadline = startDeadline(LIST_CART_TIMEOUT_MS, limit);
  await list(user, { signal: deadline.signal });
}

/** Each cart is a range of skus of one catalogue; it starts where the cart of the user before ends. */
function cartsInMemory(skusEach: number): CartReader {
  return {
    async lines(user) {
      const lines = Array.from({ length: skusEach }, (_, index): CartLine => {
        const sku = 1 + ((Number(user) * skusEach + index) % CATALOGUE_SIZE);
        return { sku, count: 1 };
      });
      return lines.toSorted((a, b) => a.sku - b.sku);
    },
  };
}
