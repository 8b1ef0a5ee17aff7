import type { accounts } from 'accounts/contract.ts';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { type Client, outsideCalls } from 'rpc-kit';
import { LocalBuckets } from './local-buckets.ts';

/** Requests of one client that are allowed in a minute, on average; a client that was idle may send as many at once. */
export interface RatePolicy {
  readonly name: string;
  readonly perMinute: number;
}

export interface Verdict {
  readonly granted: boolean;
  /** Requests that this process may still admit without asking. */
  readonly remaining: number;
  /** Until the next request is admitted, when none is left. */
  readonly retryAfterMs: number;
}

export interface RateLimit {
  readonly policy: RatePolicy;
  take(key: string): Promise<Verdict>;
}

/** A wait at the edge is added to each request; accounts answers in a few milliseconds. */
const LEASE_TIMEOUT_MS = 150;
/** Tokens are leased in blocks of this share of the limit: a client at its limit costs accounts ten calls a minute. */
const BLOCK_SHARE = 0.1;
/** leaseTokens grants at most so many. */
const BLOCK_MAX = 1_000;
/** Clients that are tracked at a time, at about 200 bytes each. The client that has not come for longest is forgotten; accounts knows its bucket still. */
const KEYS_MAX = 10_000;
/** A refusal is repeated for at least this long without asking accounts. */
const REFUSAL_MS_MIN = 50;

interface Balance {
  tokens: number;
  refusedUntil: number;
  leasing: Promise<void> | undefined;
}

/**
 * A limit that all replicas share: accounts keeps the bucket of each client, and each replica leases blocks of its tokens and
 * spends them without a call. While accounts is unavailable, each replica applies the limit alone.
 */
export function createRateLimit(
  policy: RatePolicy,
  client: Pick<Client<typeof accounts.methods>, 'leaseTokens'>,
  logger: Logger,
  now: () => number = () => performance.now(),
): RateLimit {
  const balances = new LRUCache<string, Balance>({ max: KEYS_MAX });
  const perSecond = policy.perMinute / 60;
  const wanted = Math.min(BLOCK_MAX, Math.max(1, Math.ceil(policy.perMinute * BLOCK_SHARE)));
  let isAlone = false;
  const local = new LocalBuckets({ capacity: policy.perMinute, perSecond, keysMax: KEYS_MAX, now });

  function balanceOf(key: string): Balance {
    const balance = balances.get(key) ?? { tokens: 0, refusedUntil: 0, leasing: undefined };
    balances.set(key, balance);
    return balance;
  }

  async function lease(key: string, balance: Balance): Promise<void> {
    const request = { bucket: `${policy.name}:${key}`, wanted, capacity: policy.perMinute, perSecond };
    const { granted, retryAfterMs } = await client.leaseTokens(request, { timeoutMs: LEASE_TIMEOUT_MS }).then(
      (answer) => {
        noteAlone(false);
        return answer;
      },
      (error: unknown) => {
        noteAlone(true, error);
        return local.lease(key, wanted);
      },
    );
    balance.tokens += granted;
    if (granted === 0) balance.refusedUntil = now() + Math.max(retryAfterMs, REFUSAL_MS_MIN);
    balance.leasing = undefined;
  }

  function noteAlone(alone: boolean, err?: unknown): void {
    if (alone === isAlone) return;
    isAlone = alone;
    if (alone)
      logger.warn({ err, limit: policy.name }, 'accounts grants no tokens; this process limits requests alone');
    else logger.info({ limit: policy.name }, 'accounts grants tokens again');
  }

  return {
    policy,
    async take(key) {
      const balance = balanceOf(key);
      for (;;) {
        if (balance.tokens > 0) {
          balance.tokens -= 1;
          return { granted: true, remaining: balance.tokens, retryAfterMs: 0 };
        }
        const retryAfterMs = balance.refusedUntil - now();
        if (retryAfterMs > 0) return { granted: false, remaining: 0, retryAfterMs };
        // The block serves many requests, so its call must not run in the trace and log scope of one.
        balance.leasing ??= outsideCalls(() => lease(key, balance));
        await balance.leasing;
      }
    },
  };
}
