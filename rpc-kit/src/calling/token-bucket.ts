import { abortReason, onAbort } from '../deadline.ts';
import { RpcError } from '../rpc-error.ts';
import { checkWhole, LIMIT } from '../schema/whole-number.ts';

/** The rate of `createTokenBucket`, and how many callers may wait. */
export interface TokenBucketOptions {
  /** Tokens in the full bucket: the uses that may start in any one interval. */
  readonly tokens: number;
  /** How long after its use a token returns, in milliseconds. */
  readonly intervalMs: number;
  /** Callers that may wait for a token at a time; one more is refused at once. */
  readonly waitersMax: number;
}

/** Grants tokens, wherever they are kept. */
export interface Limiter {
  /**
   * Waits for a token, first come, first served.
   * @param signal ends the wait; its reason is what the call fails with
   * @throws {RpcError} resource_exhausted when too many callers wait already
   */
  take(signal?: AbortSignal): Promise<Token>;
  /** Callers that wait for a token. */
  readonly waiting: number;
}

/** A rate limit of one process, which callers wait for in their order. */
export interface TokenBucket extends Limiter {
  /** A token, if one is available and no caller waits for it. */
  tryTake(): Token | undefined;
  /** Tokens that `tryTake` would grant now. */
  readonly available: number;
  /** Milliseconds until the next token returns: 0 when one is available, a whole interval when all are in use. */
  readonly backInMs: number;
}

/** Dispose it when the use has ended: its interval starts then. Disposing it twice counts once. */
export interface Token extends Disposable {}

interface Waiter {
  readonly grant: () => void;
}

/**
 * A token bucket whose tokens return one by one, each `intervalMs` after its own use ended.
 *
 * A classic bucket refills at a steady rate, so a full bucket and one interval of refill allow twice the limit within one
 * interval. Here the callee sees at most `tokens` calls in any interval, however long the network took: it has seen a call
 * before the token's use ends, and the token's next call starts an interval later. The price is a rate slightly below the limit:
 * `tokens / (intervalMs + use)`. docs/decisions/0005-token-bucket.md
 *
 * @throws {RangeError} when an option is outside its range
 */
export function createTokenBucket(options: TokenBucketOptions): TokenBucket {
  const ranges = { tokens: LIMIT, intervalMs: LIMIT, waitersMax: { ...LIMIT, min: 0 } };
  const { tokens, intervalMs, waitersMax } = checkWhole(options, ranges);
  let available = tokens;
  /** When used tokens return; ascending, because all intervals are equally long. */
  const returnsAt: number[] = [];
  const waiters = new Set<Waiter>();
  let timer: NodeJS.Timeout | undefined;

  function refill(): void {
    const now = performance.now();
    while (returnsAt[0] !== undefined && returnsAt[0] <= now) {
      returnsAt.shift();
      available += 1;
    }
  }

  function serve(): void {
    timer = undefined;
    refill();
    for (const waiter of waiters) {
      if (available === 0) break;
      available -= 1;
      waiters.delete(waiter);
      waiter.grant();
    }
    schedule();
  }

  /** Serves the waiters when the next token returns. Timers count whole milliseconds and can fire early. */
  function schedule(): void {
    if (timer !== undefined || waiters.size === 0 || returnsAt[0] === undefined) return;
    timer = setTimeout(serve, Math.max(1, Math.ceil(returnsAt[0] - performance.now())));
    // The timer alone must not keep a process alive. Browsers' timers are numbers.
    timer.unref?.();
  }

  function grant(): Token {
    available -= 1;
    return createToken();
  }

  function createToken(): Token {
    let used = false;
    return {
      [Symbol.dispose]() {
        if (used) return;
        used = true;
        returnsAt.push(performance.now() + intervalMs);
        schedule();
      },
    };
  }

  function isFree(): boolean {
    refill();
    return available > 0 && waiters.size === 0;
  }

  return {
    async take(signal) {
      if (signal?.aborted) throw abortReason(signal);
      if (isFree()) return grant();
      if (waiters.size >= waitersMax) {
        throw new RpcError('resource_exhausted', 'Too many calls wait for their turn', { retryAfterMs: intervalMs });
      }
      const { promise, resolve, reject } = Promise.withResolvers<Token>();
      const waiter: Waiter = {
        grant() {
          unfollow?.();
          resolve(createToken());
        },
      };
      waiters.add(waiter);
      const unfollow =
        signal &&
        onAbort(signal, () => {
          waiters.delete(waiter);
          reject(abortReason(signal));
        });
      schedule();
      return promise;
    },
    tryTake: () => (isFree() ? grant() : undefined),
    get available() {
      return isFree() ? available : 0;
    },
    get waiting() {
      return waiters.size;
    },
    get backInMs() {
      if (isFree()) return 0;
      return returnsAt[0] === undefined ? intervalMs : Math.max(0, returnsAt[0] - performance.now());
    },
  };
}
