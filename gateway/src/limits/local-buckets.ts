import { LRUCache } from 'lru-cache';

interface LocalBucketsOptions {
  readonly capacity: number;
  readonly perSecond: number;
  readonly keysMax: number;
  readonly now: () => number;
}

/** Token buckets of this process, while those of accounts are out of reach. */
export class LocalBuckets {
  readonly #options: LocalBucketsOptions;
  readonly #buckets: LRUCache<string, { readonly tokens: number; readonly at: number }>;

  constructor(options: LocalBucketsOptions) {
    this.#options = options;
    this.#buckets = new LRUCache({ max: options.keysMax });
  }

  lease(key: string, wanted: number): { granted: number; retryAfterMs: number } {
    const { capacity, perSecond, now } = this.#options;
    const at = now();
    const known = this.#buckets.get(key) ?? { tokens: capacity, at };
    const tokens = Math.min(capacity, known.tokens + ((at - known.at) / 1_000) * perSecond);
    const granted = Math.min(wanted, Math.floor(tokens));
    this.#buckets.set(key, { tokens: tokens - granted, at });
    return { granted, retryAfterMs: granted > 0 ? 0 : Math.ceil(((1 - tokens) / perSecond) * 1_000) };
  }
}
