import { createSharedLimit, type Interceptor, rateLimit, type TokenStore } from 'rpc-kit';

/** A hundred calls of priceOf a minute, and ten at once, over all replicas. A further one is refused at once. */
export function limitPrices(store: TokenStore): Interceptor {
  const limit = createSharedLimit({
    store,
    name: 'prices.priceOf',
    tokens: 100,
    intervalMs: 60_000,
    burst: 10,
    block: 2,
    waitersMax: 0,
    whenStoreFails: 'limit-alone',
  });
  return rateLimit(limit, { methods: ['priceOf'] });
}
