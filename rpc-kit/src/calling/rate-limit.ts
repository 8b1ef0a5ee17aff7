import type { Interceptor } from '../call.ts';
import type { Limiter } from './token-bucket.ts';

/**
 * Holds each call until the limiter grants a token, and the token until the call has ended. Outside of `retry`, all attempts at a
 * call share one token; inside, each attempt takes its own.
 *
 * @throws {RpcError} resource_exhausted when too many calls wait already; the signal's reason when the call is aborted
 */
export function rateLimit(limiter: Limiter): Interceptor {
  return (next) => async (call) => {
    using _token = await limiter.take(call.signal);
    return await next(call);
  };
}
