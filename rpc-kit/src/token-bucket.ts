import { abortReason } from './deadline.ts';
import { RpcError } from './rpc-error.ts';

export interface TokenBucketOptions {
  /** Tokens in the full bucket: what may start in any one interval. */
  readonly tokens: number;
  /** How long after its use a token is back, in milliseconds. */
  readonly intervalMs: number;
  /** Who may wait for a token at a time; one more is refused at once. */
  readonly waitersMax: number;
}

export interface TokenBucket {
  /**
   * Waits for a token, first come, first served.
   * @param signal ends the wait; its reason is what the call fails with
   * @throws {RpcError} resource_exhausted when too many wait already
   */
  take(signal?: AbortSignal): Promise<Token>;
  /** Callers that wait for a token now. */
  readonly waiting: number;
}

/** Give it back when the use is over: only from then on its interval runs. Giving back twice counts once. */
export interface Token extends Disposable {}

interface Waiter {
  readonly grant: () => void;
}

/**
 * A token bucket whose tokens come back one by one, each `intervalMs` after its own use ended.
 *
 * The classic bucket refills at a steady rate, so a full bucket and a second of refill together let through twice the
 * limit within one second. Here a token is away for its whole use and one interval more. So the one who is called sees
 * at most `tokens` calls in any window of that length, wherever the window starts and however long the network took:
 * it has seen a call before the use of its token ends, and the token's next call starts an interval after that.
 * The price is a rate slightly below the limit: `tokens / (intervalMs + use)`.
 */
export function createTokenBucket({ tokens, intervalMs, waitersMax }: TokenBucketOptions): TokenBucket {
  let available = tokens;
  const waiters = new Set<Waiter>();

  function comeBack(): void {
    const [first] = waiters;
    if (!first) {
      available += 1;
      return;
    }
    waiters.delete(first);
    first.grant();
  }

  /** Node's timers count whole milliseconds from the start of the event loop's turn, so they can fire early. */
  function comeBackAt(at: number): void {
    const remainingMs = at - performance.now();
    if (remainingMs <= 0) comeBack();
    // A waiting token must not keep a process alive that has nothing else to do.
    else setTimeout(comeBackAt, Math.ceil(remainingMs), at).unref();
  }

  function hand(): Token {
    let used = false;
    return {
      [Symbol.dispose]() {
        if (used) return;
        used = true;
        comeBackAt(performance.now() + intervalMs);
      },
    };
  }

  return {
    async take(signal) {
      if (signal?.aborted) throw abortReason(signal);
      if (available > 0) {
        available -= 1;
        return hand();
      }
      if (waiters.size >= waitersMax) {
        throw new RpcError('resource_exhausted', 'Too many calls wait for their turn', { retryAfterMs: intervalMs });
      }
      const { promise, resolve, reject } = Promise.withResolvers<Token>();
      const leave = (): void => {
        waiters.delete(waiter);
        reject(abortReason(signal));
      };
      const waiter: Waiter = {
        grant() {
          signal?.removeEventListener('abort', leave);
          resolve(hand());
        },
      };
      waiters.add(waiter);
      signal?.addEventListener('abort', leave, { once: true });
      return promise;
    },
    get waiting() {
      return waiters.size;
    },
  };
}
