import type { Call, Interceptor } from '../call.ts';
import type { Limiter } from './token-bucket.ts';

/** The methods that `rateLimit` limits. */
export interface RateLimitOptions {
  /** Default: all methods. */
  readonly methods?: readonly string[];
}

/**
 * Holds each call until the limiter grants a token, and the token until the call has ended. On a client, outside of `retry`, all
 * attempts at a call share one token; inside, each attempt takes its own. On a server, a limiter with `waitersMax: 0` refuses what is
 * beyond it at once.
 *
 * @throws {RpcError} resource_exhausted when too many calls wait already; the signal's reason when the call is aborted
 */
export function rateLimit(limiter: Limiter, { methods }: RateLimitOptions = {}): Interceptor {
  const limited = methods && new Set(methods);
  return (next) => {
    async function hold(call: Call): Promise<unknown> {
      using _token = await limiter.take(call.signal);
      return await next(call);
    }
    return limited ? (call) => (limited.has(call.method) ? hold(call) : next(call)) : hold;
  };
}
