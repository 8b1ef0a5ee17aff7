import { onAbort } from 'rpc-kit';

/** A limit on how many do something at a time; who comes first is first. */
export interface Turns {
  /** A turn, where nobody has to be waited for. */
  tryTake(): Disposable | undefined;
  /**
   * Dispose the turn to let the next one have it.
   * @throws the signal's reason, as soon as it aborts: whoever leaves the queue takes nothing from it
   */
  take(signal?: AbortSignal): Promise<Disposable>;
  readonly waiting: number;
}

export function createTurns(turnsMax: number): Turns {
  const queue = new Set<() => void>();
  let taken = 0;

  function hand(): Disposable {
    let given = false;
    taken += 1;
    return {
      [Symbol.dispose]() {
        if (given) return;
        given = true;
        taken -= 1;
        const [next] = queue;
        next?.();
      },
    };
  }

  function wait(signal: AbortSignal | undefined): Promise<Disposable> {
    const { promise, resolve, reject } = Promise.withResolvers<Disposable>();
    const leave = (): void => {
      queue.delete(serve);
      reject(signal?.reason);
    };
    const unfollow = signal && onAbort(signal, leave);
    const serve = (): void => {
      queue.delete(serve);
      unfollow?.();
      resolve(hand());
    };
    queue.add(serve);
    return promise;
  }

  const tryTake = (): Disposable | undefined => (taken < turnsMax ? hand() : undefined);

  return {
    tryTake,
    async take(signal) {
      signal?.throwIfAborted();
      return tryTake() ?? wait(signal);
    },
    get waiting() {
      return queue.size;
    },
  };
}
