export { runInHalves } from './halves.ts';

export interface PoolOptions {
  /** Items processed at a time. */
  readonly concurrency: number;
  /** Cancels the work: no further item is started, and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Processes items with a fixed number of workers and returns the results in the order of the items.
 *
 * On the first failure no further item is started, the signal of the running ones aborts, and the call rejects with that
 * failure once all workers have stopped. So no work outlives the call.
 *
 * @param work processes one item; it should end soon after its signal aborts
 */
export async function runInPool<Item, Result>(
  items: readonly Item[],
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
  { concurrency, signal }: PoolOptions,
): Promise<Result[]> {
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new RangeError(`concurrency is ${concurrency}: it must be a whole number above 0`);
  signal?.throwIfAborted();
  const stop = new AbortController();
  const follow = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', follow, { once: true });

  const results = new Array<Result>(items.length);
  const queue = items.entries();

  async function worker(): Promise<void> {
    // The workers share one iterator, so each item is processed once.
    for (const [index, item] of queue) {
      if (stop.signal.aborted) return;
      try {
        results[index] = await work(item, stop.signal);
      } catch (error) {
        // Only the first failure counts; later ones are caused by the abort.
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
