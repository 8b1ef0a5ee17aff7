import type { Call, Interceptor } from '../call.ts';
import { createTokenBucket, type TokenBucket } from '../calling/token-bucket.ts';
import { RpcError } from '../rpc-error.ts';
import { checkWhole, LIMIT } from '../schema/whole-number.ts';
import { notify } from '../telemetry/notify.ts';

export interface CallerRateLimitOptions {
  /** Calls of one caller that may start within any one interval. */
  readonly tokens: number;
  /** How long after its end a call no longer counts, in milliseconds. */
  readonly intervalMs: number;
  /** Callers that are told apart at a time; the one that has not called for longest is forgotten for a new one. */
  readonly callersMax?: number;
  /** Who calls. Default: the connection's address and the name it gives; neither is proven. */
  readonly callerOf?: (call: Call) => string;
  readonly on?: Partial<CallerRateLimitEvents>;
}

export interface CallerRateLimitEvents {
  refused(event: { readonly call: Call; readonly caller: string }): void;
}

const DEFAULTS = {
  // A bucket is a few hundred bytes, so all of them together stay below ten megabytes.
  callersMax: 10_000,
  callerOf: ({ caller }: Call): string => `${caller.address ?? ''} ${caller.name ?? ''}`,
} as const satisfies Partial<CallerRateLimitOptions>;

/**
 * Gives every caller a token bucket of its own and refuses calls beyond it as `resource_exhausted` with Retry-After.
 * Nobody waits here: a caller that is too fast shall slow down itself.
 *
 * Each answer tells the caller where it stands, in the fields of the IETF's draft
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/): `RateLimit-Policy: "caller";q=100;w=1` is the
 * limit, q calls in w seconds, and `RateLimit: "caller";r=42;t=1` what is left of it, and in how many seconds there is more.
 */
export function limitCallers(options: CallerRateLimitOptions): Interceptor {
  const ranges = { tokens: LIMIT, intervalMs: LIMIT, callersMax: LIMIT };
  const { tokens, intervalMs, callersMax, callerOf, on } = checkWhole({ ...DEFAULTS, ...options }, ranges);
  const policy = `"caller";q=${tokens};w=${toSeconds(intervalMs)}`;
  const buckets = new Map<string, TokenBucket>();

  function bucketOf(caller: string): TokenBucket {
    const bucket = buckets.get(caller) ?? createTokenBucket({ tokens, intervalMs, waitersMax: 0 });
    // Maps keep the order of insertion, so the first one is always who has not called for longest.
    buckets.delete(caller);
    buckets.set(caller, bucket);
    const [oldest] = buckets.keys();
    if (buckets.size > callersMax && oldest !== undefined) buckets.delete(oldest);
    return bucket;
  }

  return (next) => async (call) => {
    const caller = callerOf(call);
    const bucket = bucketOf(caller);
    using token = bucket.tryTake();
    call.answerHeaders?.set('ratelimit-policy', policy);
    call.answerHeaders?.set('ratelimit', `"caller";r=${bucket.available};t=${toSeconds(bucket.backInMs)}`);
    if (token) return await next(call);
    notify(on?.refused, { call, caller });
    throw new RpcError('resource_exhausted', 'Too many calls of one caller', {
      retryAfterMs: Math.max(1, Math.ceil(bucket.backInMs)),
    });
  };
}

/** The fields count whole seconds. */
function toSeconds(ms: number): number {
  return Math.ceil(ms / 1_000);
}
