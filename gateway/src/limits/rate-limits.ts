import type { accounts } from 'accounts/contract.ts';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Client, createSharedLimit, type SharedLimit, type SharedLimitOptions, type TokenStore } from 'rpc-kit';
import { sharedLimitMetrics } from 'rpc-kit/metrics';

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

export interface RateLimitTelemetry {
  readonly logger: Logger;
  readonly registry: Registry;
}

/** A wait at the edge is added to each request; accounts answers in a few milliseconds. */
const LEASE_TIMEOUT_MS = 150;
/** Tokens are leased in blocks of this share of the limit: a client at its limit costs accounts ten calls a minute. */
const BLOCK_SHARE = 0.1;
/** leaseTokens grants at most so many. */
const BLOCK_MAX = 1_000;
/** Clients that are tracked at a time, at about 1 KB each. The client that has not come for longest is forgotten; accounts knows its bucket still. */
const KEYS_MAX = 10_000;

/**
 * A limit that all replicas share: accounts keeps the bucket of each client, and each replica leases blocks of its tokens and
 * spends them without a call. While accounts is unavailable, each replica applies the limit alone.
 */
export function createRateLimit(
  policy: RatePolicy,
  client: Pick<Client<typeof accounts.methods>, 'leaseTokens'>,
  { logger, registry }: RateLimitTelemetry,
): RateLimit {
  const { name, perMinute } = policy;
  const store: TokenStore = {
    lease: (lease, { signal }) => client.leaseTokens(lease, { signal, timeoutMs: LEASE_TIMEOUT_MS }),
  };
  const options: Omit<SharedLimitOptions, 'name'> = {
    store,
    tokens: perMinute,
    intervalMs: 60_000,
    block: Math.min(BLOCK_MAX, Math.max(1, Math.ceil(perMinute * BLOCK_SHARE))),
    waitersMax: 0,
    storeTimeoutMs: LEASE_TIMEOUT_MS,
    whenStoreFails: 'limit-alone',
    on: observeStore(name, { logger, registry }),
  };
  const limits = new LRUCache<string, SharedLimit>({ max: KEYS_MAX });

  function limitOf(key: string): SharedLimit {
    const limit = limits.get(key) ?? createSharedLimit({ ...options, name: `${name}:${key}` });
    limits.set(key, limit);
    return limit;
  }

  return {
    policy,
    async take(key) {
      const limit = limitOf(key);
      const granted = (await limit.tryTake()) !== undefined;
      return { granted, remaining: limit.available, retryAfterMs: granted ? 0 : Math.max(1, limit.backInMs) };
    },
  };
}

/** Accounts is there for all clients or for none, so one line says what holds for all of them. */
function observeStore(limit: string, { logger, registry }: RateLimitTelemetry): SharedLimitOptions['on'] {
  const count = sharedLimitMetrics(registry, limit);
  let isAlone = false;
  return {
    storeFailed(event) {
      count.storeFailed(event);
      const { error: err } = event;
      if (!isAlone) logger.warn({ err, limit }, 'accounts grants no tokens; this process limits requests alone');
      isAlone = true;
    },
    leased(event) {
      count.leased(event);
      if (isAlone) logger.info({ limit }, 'accounts grants tokens again');
      isAlone = false;
    },
  };
}
