import { onAbort } from 'rpc-kit';

/** A concurrency limit with a first-in, first-out queue, and a second queue that is served before it. */
export interface Turns {
  /** A turn, if one is free. */
  tryTake(): Disposable | undefined;
  /**
   * Waits for a turn; disposing the turn frees it.
   * @param isFirst waits ahead of the waiters without it
   * @throws the signal's reason as soon as it aborts; the waiter leaves the queue
   */
  take(signal?: AbortSignal, isFirst?: boolean): Promise<Disposable>;
  readonly taken: number;
  readonly waiting: number;
}

export function createTurns(turnsMax: number): Turns {
  const queue = new Set<() => void>();
  const firstQueue = new Set<() => void>();
  let taken = 0;

  function grant(): Disposable {
    let isReleased = false;
    taken += 1;
    return {
      [Symbol.dispose]() {
        if (isReleased) return;
        isReleased = true;
        taken -= 1;
        const [next] = firstQueue.size > 0 ? firstQueue : queue;
        next?.();
      },
    };
  }

  function wait(queue: Set<() => void>, signal: AbortSignal | undefined): Promise<Disposable> {
    const { promise, resolve, reject } = Promise.withResolvers<Disposable>();
    const leave = (): void => {
      queue.delete(serve);
      reject(signal?.reason);
    };
    const unfollow = signal && onAbort(signal, leave);
    const serve = (): void => {
      queue.delete(serve);
      unfollow?.();
      resolve(grant());
    };
    queue.add(serve);
    return promise;
  }

  const tryTake = (): Disposable | undefined => (taken < turnsMax ? grant() : undefined);

  return {
    tryTake,
    async take(signal, isFirst = false) {
      signal?.throwIfAborted();
      return tryTake() ?? wait(isFirst ? firstQueue : queue, signal);
    },
    get taken() {
      return taken;
    },
    get waiting() {
      return queue.size + firstQueue.size;
    },
  };
}
