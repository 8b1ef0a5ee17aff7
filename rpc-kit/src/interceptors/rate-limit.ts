import type { Interceptor } from '../call.ts';
import type { Limiter } from '../token-bucket.ts';

/** Lets a call pass when the limiter has a token for it; the token is in use until the call has ended. */
export function rateLimit(limiter: Limiter): Interceptor {
  return (next) => async (call) => {
    using _token = await limiter.take(call.signal);
    return await next(call);
  };
}
