import { abortReason } from '../deadline.ts';
import { RpcError } from '../rpc-error.ts';
import { checkWhole, LIMIT } from '../schema/whole-number.ts';

export interface TokenBucketOptions {
  /** Tokens in the full bucket: what may start in any one interval. */
  readonly tokens: number;
  /** How long after its use a token is back, in milliseconds. */
  readonly intervalMs: number;
  /** Who may wait for a token at a time; one more is refused at once. */
  readonly waitersMax: number;
}

/** What those need who wait for their turn, wherever the tokens are kept. */
export interface Limiter {
  /**
   * Waits for a token, first come, first served.
   * @param signal ends the wait; its reason is what the call fails with
   * @throws {RpcError} resource_exhausted when too many wait already
   */
  take(signal?: AbortSignal): Promise<Token>;
  /** Callers that wait for a token now. */
  readonly waiting: number;
}

export interface TokenBucket extends Limiter {
  /** A token if there is one now and nobody waits for it. */
  tryTake(): Token | undefined;
  /** Tokens that could be taken now. */
  readonly available: number;
  /** Until the next token is back, in milliseconds: 0 when there is one, a whole interval when all are in use. */
  readonly backInMs: number;
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
 * it has seen a call before the use of its token ends, and the token's next call starts an interval after that. Only a
 * call that is given up on, and arrives all the same, comes closer to the next ones: by as much as it was delayed. The price
 * is a rate slightly below the limit: `tokens / (intervalMs + use)`.
 *
 * @throws {RangeError} when an option is outside its range
 */
export function createTokenBucket(options: TokenBucketOptions): TokenBucket {
  const ranges = { tokens: LIMIT, intervalMs: LIMIT, waitersMax: { ...LIMIT, min: 0 } };
  const { tokens, intervalMs, waitersMax } = checkWhole(options, ranges);
  let there = tokens;
  /** When the tokens that are out of use will be back, ascending, because each interval is as long as the others. */
  const backAt: number[] = [];
  const waiters = new Set<Waiter>();
  let timer: NodeJS.Timeout | undefined;

  function takeBack(): void {
    const now = performance.now();
    while (backAt[0] !== undefined && backAt[0] <= now) {
      backAt.shift();
      there += 1;
    }
  }

  function serve(): void {
    timer = undefined;
    takeBack();
    for (const waiter of waiters) {
      if (there === 0) break;
      there -= 1;
      waiters.delete(waiter);
      waiter.grant();
    }
    rest();
  }

  /** Comes back for those who wait when the next token does. Timers count whole milliseconds and can fire early. */
  function rest(): void {
    if (timer !== undefined || waiters.size === 0 || backAt[0] === undefined) return;
    // A waiting token must not keep a process alive that has nothing else to do.
    timer = setTimeout(serve, Math.max(1, Math.ceil(backAt[0] - performance.now()))).unref();
  }

  function hand(): Token {
    there -= 1;
    return asToken();
  }

  function asToken(): Token {
    let used = false;
    return {
      [Symbol.dispose]() {
        if (used) return;
        used = true;
        backAt.push(performance.now() + intervalMs);
        rest();
      },
    };
  }

  function isFree(): boolean {
    takeBack();
    return there > 0 && waiters.size === 0;
  }

  return {
    async take(signal) {
      if (signal?.aborted) throw abortReason(signal);
      if (isFree()) return hand();
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
          resolve(asToken());
        },
      };
      waiters.add(waiter);
      signal?.addEventListener('abort', leave, { once: true });
      rest();
      return promise;
    },
    tryTake: () => (isFree() ? hand() : undefined),
    get available() {
      return isFree() ? there : 0;
    },
    get waiting() {
      return waiters.size;
    },
    get backInMs() {
      if (isFree()) return 0;
      return backAt[0] === undefined ? intervalMs : Math.max(0, backAt[0] - performance.now());
    },
  };
}
