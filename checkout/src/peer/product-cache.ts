import { LRUCache } from 'lru-cache';
import { Counter, type Registry } from 'prom-client';
import type { ProductLookup } from '../domain/ports.ts';
import { singleFlight } from './single-flight.ts';

export interface ProductCacheOptions {
  /** Maximum age of an entry in milliseconds; 0 turns the cache off, and concurrent requests are still sent once. */
  readonly maxAgeMs: number;
  /** Capacity; the least recently used product is evicted. */
  readonly productsMax?: number;
  /** Called for each answer. */
  readonly onAnswer?: (isHit: boolean) => void;
}

/** An entry is a few hundred bytes, so a full cache is a few megabytes. */
const PRODUCTS_MAX = 10_000;

interface Entry<Answer> {
  readonly product: Answer;
  /** Time of the request, by `performance.now()`. */
  readonly requestedAt: number;
}

/**
 * Caches what the product service says of products, and sends concurrent requests for one sku once. The age of an entry counts from
 * its request, before the product service read the product, so no answer is older than `maxAgeMs`. Failures are not cached.
 */
export function cacheProducts<Answer>(
  lookup: ProductLookup<Answer>,
  options: ProductCacheOptions,
): ProductLookup<Answer> {
  const { maxAgeMs, productsMax = PRODUCTS_MAX, onAnswer } = options;
  if (maxAgeMs === 0) return singleFlight(lookup);
  const entries = new LRUCache<number, Entry<Answer>>({ max: productsMax });
  // Within the flight: a caller that joins it later would take an old answer for a new one.
  const fetched = singleFlight<Answer>({
    async product(sku, context) {
      const requestedAt = performance.now();
      const product = await lookup.product(sku, context);
      entries.set(sku, { product, requestedAt });
      return product;
    },
  });

  return {
    async product(sku, context) {
      const entry = entries.get(sku);
      const isHit = entry !== undefined && performance.now() - entry.requestedAt < maxAgeMs;
      onAnswer?.(isHit);
      return isHit ? entry.product : fetched.product(sku, context);
    },
  };
}

/** For `onAnswer`. */
export function countProductAnswers(registry: Registry): (isHit: boolean) => void {
  const answers = new Counter({
    name: 'checkout_product_cards_total',
    help: 'Names and prices that carts needed, by where they came from: the cache or the product service.',
    labelNames: ['source'],
    registers: [registry],
  });
  return (isHit) => answers.inc({ source: isHit ? 'cache' : 'service' });
}
