import { LRUCache } from 'lru-cache';
import { Counter, type Registry } from 'prom-client';
import type { Product, ProductCatalogue } from '../domain/ports.ts';

export interface ProductCacheOptions {
  /** How old an answer may be, in milliseconds; 0 keeps none. */
  readonly maxAgeMs: number;
  /** Products that are kept; the least recently used one makes room. */
  readonly productsMax?: number;
  /** Told whether each answer came from here. */
  readonly onAnswer?: (isHit: boolean) => void;
}

/** A card is a few hundred bytes, so all of them together stay below a few megabytes. */
const PRODUCTS_MAX = 10_000;

interface Card {
  readonly product: Product;
  /** When it was asked for, on `performance.now()`'s scale. */
  readonly askedAt: number;
}

/**
 * Answers with what the catalogue said a moment ago. An answer's age counts from when it was asked for, before the product
 * service looked at the price; so no price is older than `maxAgeMs` when it is put into an answer. Failures are not kept.
 */
export function cacheProducts(catalogue: ProductCatalogue, options: ProductCacheOptions): ProductCatalogue {
  const { maxAgeMs, productsMax = PRODUCTS_MAX, onAnswer } = options;
  if (maxAgeMs === 0) return catalogue;
  const cards = new LRUCache<number, Card>({ max: productsMax });

  return {
    async product(sku, context) {
      const askedAt = performance.now();
      const card = cards.get(sku);
      const isHit = card !== undefined && askedAt - card.askedAt < maxAgeMs;
      onAnswer?.(isHit);
      if (isHit) return card.product;
      const product = await catalogue.product(sku, context);
      cards.set(sku, { product, askedAt });
      return product;
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
