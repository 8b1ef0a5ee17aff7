import { createClient, createRetryBudget, type Fault, injectFaults, retry } from 'rpc-kit';
import { prices } from './prices-contract.ts';
import { pricesService } from './prices-service.ts';

const FAULTS: readonly Fault[] = [
  // Executed, but the caller does not learn it.
  { method: 'priceOf', kind: 'drop', share: 0.1, code: 'unavailable' },
  { method: '*', kind: 'delay', share: 0.05, ms: 20 },
];

/** A client that has to cope with faults. The same seed repeats them. */
export function openFaultyPrices(seed?: number) {
  const faults = injectFaults(prices, { faults: FAULTS, seed });
  // The first interceptor is the outermost: retry meets the faults.
  const interceptors = [retry({ budget: createRetryBudget() }), faults];
  return { client: createClient(prices, pricesService, { interceptors }), seed: faults.seed };
}
