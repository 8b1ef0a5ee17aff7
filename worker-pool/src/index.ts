export interface PoolOptions {
  /** How many items are worked on at a time. */
  readonly concurrency: number;
  /** Ends the work from outside: no further item is started, and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Works on many items, a few at a time, and gives the results in the items' order.
 *
 * A fixed number of workers each take the next item until none is left. The first failure stops the rest: no further item
 * is started, the signal that the others were given aborts, and the call rejects with that failure once all workers have
 * stopped. So when the call is over, nothing of it is running any more.
 *
 * @param work does one item; it should end soon after its signal aborts
 */
export async function runInPool<Item, Result>(
  items: readonly Item[],
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
  { concurrency, signal }: PoolOptions,
): Promise<Result[]> {
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new RangeError('concurrency must be a whole number above 0');
  signal?.throwIfAborted();
  const stop = new AbortController();
  const follow = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', follow, { once: true });

  const results = new Array<Result>(items.length);
  const queue = items.entries();

  async function worker(): Promise<void> {
    // All workers draw from one iterator, so each item is drawn once.
    for (const [index, item] of queue) {
      if (stop.signal.aborted) return;
      try {
        results[index] = await work(item, stop.signal);
      } catch (error) {
        // Only the first failure counts; what fails after it fails because of it.
        stop.abort(error);
        return;
      }
    }
  }

  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  } finally {
    signal?.removeEventListener('abort', follow);
  }
  stop.signal.throwIfAborted();
  return results;
}
