import {
  type Call,
  createMemoryTokenStore,
  createRetryBudget,
  createSharedLimit,
  createTokenBucket,
  defineService,
  type HedgingDelay,
  hedging,
  type Interceptor,
  injectFaults,
  int64,
  rateLimit,
} from 'rpc-kit';
import { z } from 'zod';

export const lookup = defineService(
  'lookup',
  { summary: 'Is read by the benchmark.', version: '1.0.0' },
  {
    find: {
      summary: 'Finds a number.',
      params: z.strictObject({ key: int64 }),
      result: z.object({ found: int64 }),
      timeoutMs: 2_000,
      reads: true,
      example: { params: { key: 1 }, result: { found: 1 } },
    },
    store: {
      summary: 'Stores nothing.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: 2_000,
      example: { params: {}, result: {} },
    },
  },
);

/** Each replica delays this share of its calls. */
export const STALLS = { share: 0.02, ms: 60 };

/** When clients send a second attempt. The first is the baseline. */
export const TAILS: readonly { readonly name: string; readonly hedge?: HedgingDelay }[] = [
  { name: 'no second attempt' },
  { name: 'after p95', hedge: { afterPercentile: 95 } },
  { name: 'after 20 ms', hedge: { afterMs: 20 } },
];

const PLENTY = 1_000_000_000;
const others = { methods: ['store'] };
const sharedLimit = () =>
  createSharedLimit({
    store: createMemoryTokenStore(),
    name: 'find',
    tokens: PLENTY,
    intervalMs: 1_000,
    block: 1_000_000,
    waitersMax: 0,
  });

/** Interceptors around a call of `find` that answers at once. The first is the baseline. */
export const COSTS: Readonly<Record<string, () => readonly Interceptor[]>> = {
  'no interceptor': () => [],
  'hedging after p95': () => [hedging({ budget: createRetryBudget(), afterPercentile: 95 })],
  'faults of another method': () => [
    injectFaults(lookup, { faults: [{ method: 'store', kind: 'delay', share: 1, ms: 1 }] }),
  ],
  'a fault that meets no call': () => [
    injectFaults(lookup, { faults: [{ method: 'find', kind: 'delay', share: 1e-9, ms: 1 }] }),
  ],
  'a shared limit of another method': () => [rateLimit(sharedLimit(), others)],
  'a shared limit': () => [rateLimit(sharedLimit())],
  'a token bucket of this process': () => [
    rateLimit(createTokenBucket({ tokens: 1_000_000, intervalMs: 1, waitersMax: 0 })),
  ],
};

/** What every call shares. A signal of its own would cost more than an interceptor. */
const CALL: Call = {
  service: lookup.name,
  method: 'find',
  contract: lookup.methods.find,
  params: { key: 1 },
  signal: new AbortController().signal,
  deadlineAt: Number.POSITIVE_INFINITY,
  requestId: 'benchmark',
  caller: {},
};

export function laneOf(interceptors: readonly Interceptor[]): () => Promise<boolean> {
  const chain = interceptors.reduceRight(
    (next, wrap) => wrap(next),
    async (_call: Call): Promise<unknown> => true,
  );
  return async () => (await chain(CALL)) === true;
}
