import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  createClient,
  createHttpTransport,
  createRetryBudget,
  type Interceptor,
  retry,
  type Transport,
} from 'rpc-kit';
import { createDice, type Dice } from 'storm/dice';
import { answerTo } from '../harness/child.ts';
import { BUCKET_MS, type LoadOptions, type Tally } from './tally.ts';
import type { Variant } from './variants.ts';
import { ATTEMPTS_MAX, work } from './work.ts';

/** Less than the mean pause between calls. */
const TICK_MS = 1;
/** A naive caller has one connection for each attempt in flight: at 150 calls a second, at most 230. */
const CONNECTIONS_MAX = 1_000;
/** Of the pause before a second attempt, doubled for the third; the defaults of `retry`. */
const BACKOFF_MS = 25;
const PRECISION = 1_000_000;

/** Offers calls at random times, whatever has become of the earlier ones, and counts the good answers over time. */
async function run({ url, variant, perSecond, seconds, seed }: LoadOptions): Promise<Tally> {
  const [arrivals, jitter] = createDice(seed, 2) as [Dice, Dice];
  const random = (): number => jitter.between(0, PRECISION - 1) / PRECISION;
  const buckets = (): number[] => new Array(Math.ceil((seconds * 1_000) / BUCKET_MS)).fill(0);
  const tally = { calls: 0, goodput: buckets(), attempts: buckets() };
  const startedAt = performance.now();
  const count = (over: number[]): void => {
    const bucket = Math.floor((performance.now() - startedAt) / BUCKET_MS);
    if (bucket < over.length) over[bucket] = (over[bucket] as number) + 1;
  };
  const countAttempts: Interceptor = (next) => (call) => {
    count(tally.attempts);
    return next(call);
  };

  await using transport = createHttpTransport(url, {
    userAgent: 'load/1.0.0',
    connections: CONNECTIONS_MAX,
    batching: false,
  });
  const call = callerOf(variant, transport, countAttempts, random);
  const pending = new Set<Promise<void>>();
  for (let dueMs = 0; dueMs < seconds * 1_000; dueMs += pauseMs(arrivals, perSecond)) {
    while (performance.now() - startedAt < dueMs) await sleep(TICK_MS);
    tally.calls += 1;
    const ended: Promise<void> = call()
      .then(
        () => count(tally.goodput),
        () => {},
      )
      .finally(() => pending.delete(ended));
    pending.add(ended);
  }
  await Promise.all(pending);
  return tally;
}

/** Pauses of independent callers have an exponential distribution. */
function pauseMs(dice: Dice, perSecond: number): number {
  return (-Math.log(dice.between(1, PRECISION) / PRECISION) * 1_000) / perSecond;
}

/** One call with all its attempts. */
function callerOf(
  { retries }: Variant,
  transport: Transport,
  countAttempts: Interceptor,
  random: () => number,
): () => Promise<unknown> {
  const budget = createRetryBudget();
  if (retries === 'kit') {
    const retrying = retry({ budget, attemptsMax: ATTEMPTS_MAX, random });
    const client = createClient(work, transport, { interceptors: [retrying, countAttempts] });
    return () => client.work({});
  }
  const client = createClient(work, transport, { interceptors: [countAttempts] });
  const mayRetry = retries === 'budget' ? () => budget.tryWithdraw() : () => true;
  return () => {
    budget.deposit();
    return callNaively(client, random, mayRetry);
  };
}

/** As many applications retry: each attempt gets the full timeout, whatever the others needed. */
async function callNaively(
  client: Client<typeof work.methods>,
  random: () => number,
  mayRetry: () => boolean,
): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await client.work({});
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !mayRetry()) throw error;
      await sleep(random() * BACKOFF_MS * 2 ** (attempt - 1));
    }
  }
}

answerTo({ run });
