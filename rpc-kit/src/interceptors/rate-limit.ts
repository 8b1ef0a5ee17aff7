import type { Interceptor } from '../call.ts';
import type { TokenBucket } from '../token-bucket.ts';

/** Lets a call pass when the bucket has a token for it; the token is in use until the call has ended. */
export function rateLimit(bucket: TokenBucket): Interceptor {
  return (next) => async (call) => {
    using _token = await bucket.take(call.signal);
    return await next(call);
  };
}
