/** Where replicas keep the tokens of a limit that they share. */
export interface TokenStore {
  /**
   * Takes up to `wanted` tokens out of a bucket, in one atomic step. A bucket holds up to `capacity` tokens and gains `perSecond` of
   * them each second; a new one is full.
   */
  lease(lease: TokenLease, options: { readonly signal: AbortSignal }): Promise<LeasedTokens>;
}

/** A request for some tokens of a bucket. */
export interface TokenLease {
  readonly bucket: string;
  /** At least 1. */
  readonly wanted: number;
  readonly capacity: number;
  readonly perSecond: number;
}

/** The answer to a `TokenLease`. */
export interface LeasedTokens {
  /** From 0 to `wanted`. */
  readonly granted: number;
  /** When nothing was granted: until the bucket has a token. */
  readonly retryAfterMs: number;
}

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

/** At about 200 bytes each. The bucket that was not used for longest is forgotten; it is full then, or nearly so. */
const BUCKETS_MAX = 10_000;

/** Keeps the tokens in this process: for tests, and for a process that is alone. */
export function createMemoryTokenStore() {
  const buckets = new Map<string, Bucket>();
  return {
    async lease({ bucket, wanted, capacity, perSecond }: TokenLease): Promise<LeasedTokens> {
      const now = performance.now();
      const { tokens, at } = buckets.get(bucket) ?? { tokens: capacity, at: now };
      const filled = Math.min(capacity, tokens + ((now - at) / 1_000) * perSecond);
      const granted = Math.min(wanted, Math.floor(filled));
      const left = filled - granted;
      // Maps keep the order of insertion.
      buckets.delete(bucket);
      buckets.set(bucket, { tokens: left, at: now });
      const [oldest] = buckets.keys();
      if (buckets.size > BUCKETS_MAX && oldest !== undefined) buckets.delete(oldest);
      return { granted, retryAfterMs: granted > 0 ? 0 : Math.ceil(((1 - left) / perSecond) * 1_000) };
    },
  } satisfies TokenStore;
}
