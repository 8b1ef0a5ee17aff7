import type { Call, Interceptor } from '../call.ts';
import { createSharedLimit, type SharedLimit, type SharedLimitOptions } from '../calling/shared-limit.ts';
import { createTokenBucket, type TokenBucket } from '../calling/token-bucket.ts';
import { RpcError } from '../rpc-error.ts';
import { checkWhole, LIMIT } from '../schema/whole-number.ts';
import { notify } from '../telemetry/notify.ts';

/** The rate of `limitCallers` for each caller. */
export interface CallerRateLimitOptions {
  /** Calls of one caller that may start within any one interval. */
  readonly tokens: number;
  /** How long a call still counts after its end, in milliseconds. */
  readonly intervalMs: number;
  /** Callers that are tracked at a time; a new one evicts the one that has not called for longest. */
  readonly callersMax?: number;
  /** Identifies the caller. Default: the connection's address and the User-Agent; neither is authenticated. */
  readonly callerOf?: (call: Call) => string;
  /** Shares the limit of each caller with other replicas. Default: each replica grants it by itself. */
  readonly shared?: SharedCallerLimit;
  readonly on?: Partial<CallerRateLimitEvents>;
}

/** `name` begins the names of the buckets, which are those of the callers; see `createSharedLimit`. */
export type SharedCallerLimit = Pick<SharedLimitOptions, 'store' | 'name' | 'storeTimeoutMs' | 'whenStoreFails' | 'on'>;

/** What `limitCallers` reports. */
export interface CallerRateLimitEvents {
  refused(event: { readonly call: Call; readonly caller: string }): void;
}

/** Callers choose their names, and a store need not keep long ones. */
const BUCKET_NAME_LENGTH_MAX = 200;

const DEFAULTS = {
  // A bucket takes a few hundred bytes, so all of them stay below ten megabytes.
  callersMax: 10_000,
  callerOf: ({ caller }: Call): string => `${caller.address ?? ''} ${caller.name ?? ''}`,
} as const satisfies Partial<CallerRateLimitOptions>;

/**
 * Gives every caller its own token bucket and refuses calls beyond it as `resource_exhausted` with Retry-After. Calls never wait
 * here: a caller that is too fast has to slow down.
 *
 * Each answer carries the fields of the IETF's draft (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/):
 * `RateLimit-Policy: "caller";q=100;w=1` is the limit, q calls in w seconds; `RateLimit: "caller";r=42;t=1` says that r calls are
 * left, and more in t seconds.
 */
export function limitCallers(options: CallerRateLimitOptions): Interceptor {
  const ranges = { tokens: LIMIT, intervalMs: LIMIT, callersMax: LIMIT };
  const { tokens, intervalMs, callersMax, callerOf, shared, on } = checkWhole({ ...DEFAULTS, ...options }, ranges);
  const policy = `"caller";q=${tokens};w=${toSeconds(intervalMs)}`;
  const buckets = new Map<string, TokenBucket | SharedLimit>();

  function createBucket(caller: string): TokenBucket | SharedLimit {
    const limit = { tokens, intervalMs, waitersMax: 0 };
    return shared
      ? createSharedLimit({ ...shared, ...limit, name: `${shared.name}:${caller}`.slice(0, BUCKET_NAME_LENGTH_MAX) })
      : createTokenBucket(limit);
  }

  function bucketOf(caller: string): TokenBucket | SharedLimit {
    const bucket = buckets.get(caller) ?? createBucket(caller);
    // Maps keep the order of insertion, so the first key is the caller that has not called for longest.
    buckets.delete(caller);
    buckets.set(caller, bucket);
    const [oldest] = buckets.keys();
    if (buckets.size > callersMax && oldest !== undefined) buckets.delete(oldest);
    return bucket;
  }

  return (next) => async (call) => {
    const caller = callerOf(call);
    const bucket = bucketOf(caller);
    const taken = bucket.tryTake();
    // A bucket of this replica answers at once.
    using token = taken instanceof Promise ? await taken : taken;
    call.answerHeaders?.set('ratelimit-policy', policy);
    call.answerHeaders?.set('ratelimit', `"caller";r=${bucket.available};t=${toSeconds(bucket.backInMs)}`);
    if (token) return await next(call);
    notify(on?.refused, { call, caller });
    throw new RpcError('resource_exhausted', 'Too many calls from one caller', {
      retryAfterMs: Math.max(1, Math.ceil(bucket.backInMs)),
    });
  };
}

/** The fields count whole seconds. */
function toSeconds(ms: number): number {
  return Math.ceil(ms / 1_000);
}
