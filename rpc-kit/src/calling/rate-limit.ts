import type { Interceptor } from '../call.ts';
import type { Limiter } from './token-bucket.ts';

/**
 * Lets a call pass when the limiter has a token for it; the token is in use until the call has ended. Outside of `retry`, all
 * attempts at a call share one token; inside, each takes its own.
 *
 * @throws {RpcError} resource_exhausted when too many wait already, and what the call's signal aborts with
 */
export function rateLimit(limiter: Limiter): Interceptor {
  return (next) => async (call) => {
    using _token = await limiter.take(call.signal);
    return await next(call);
  };
}
