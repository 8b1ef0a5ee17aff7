import {
  type Client,
  createBalancer,
  createClient,
  createHttpTransport,
  createRetryBudget,
  hedging,
  retry,
} from 'rpc-kit';
import { prices } from './prices-contract.ts';

/** A client of several replicas. A read that takes longer than 95 % of them is sent to a second replica, too. */
export function openPrices(
  urls: readonly string[],
): AsyncDisposable & { readonly client: Client<typeof prices.methods> } {
  // Retries and second attempts together are at most a tenth of the calls, and one a second more.
  const budget = createRetryBudget({ ratio: 0.1, perSecondMin: 1 });
  const transport = createBalancer({
    endpoints: urls,
    connect: (url) => createHttpTransport(url, { userAgent: 'basket/1.0.0' }),
  });
  const interceptors = [retry({ budget }), hedging({ budget, afterPercentile: 95 })];
  return {
    client: createClient(prices, transport, { interceptors }),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}
