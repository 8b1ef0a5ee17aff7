import { RpcError } from './rpc-error.ts';

/** setTimeout's own limit; a longer delay would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** A point in time after which nobody waits any more, and everything that goes with it. Dispose it to free the timer. */
export interface Deadline extends Disposable {
  /** Aborts at the deadline (`deadline_exceeded`) or when the caller's signal does (with its reason). */
  readonly signal: AbortSignal;
  /** On `performance.now()`'s scale. */
  readonly at: number;
}

/** Ends something early, for one reason. */
export interface Canceller {
  readonly signal: AbortSignal;
  /** The first reason counts. */
  cancel(reason: RpcError): void;
}

/**
 * Where the signals that are made here carry who follows them. A signal's own listeners cost a microsecond or two each to
 * add and to remove, and every call has several.
 */
const FOLLOWERS = Symbol('followers');
type FollowedSignal = AbortSignal & { [FOLLOWERS]?: Set<() => void> };

/** An AbortController whose signal is cheap to follow with `onAbort`. */
export function createCanceller(): Canceller {
  const controller = new AbortController();
  const followers = new Set<() => void>();
  (controller.signal as FollowedSignal)[FOLLOWERS] = followers;
  return {
    signal: controller.signal,
    cancel(reason) {
      if (controller.signal.aborted) return;
      controller.abort(reason);
      for (const follow of followers) follow();
    },
  };
}

/**
 * Calls the listener once when the signal aborts; not when it has aborted before.
 * @returns what ends that
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const followers = (signal as FollowedSignal)[FOLLOWERS];
  if (followers) {
    followers.add(listener);
    return () => followers.delete(listener);
  }
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}

/**
 * @param timeoutMs from now; at 0 or below the signal is aborted from the start.
 * @param callerSignal when it aborts, so does the deadline's.
 */
export function startDeadline(timeoutMs: number, callerSignal?: AbortSignal): Deadline {
  const { signal, cancel } = createCanceller();
  const expire = (): void => cancel(new RpcError('deadline_exceeded', 'The call took longer than its deadline'));
  const follow = (): void => cancel(abortReason(callerSignal));

  if (callerSignal?.aborted) follow();
  else if (timeoutMs <= 0) expire();
  const isOver = signal.aborted;
  const unfollow = isOver || !callerSignal ? undefined : onAbort(callerSignal, follow);
  const timer = isOver ? undefined : setTimeout(expire, Math.min(timeoutMs, TIMER_MAX_MS));

  return {
    signal,
    at: performance.now() + timeoutMs,
    [Symbol.dispose]() {
      clearTimeout(timer);
      unfollow?.();
    },
  };
}

/** What a call that ended by the signal fails with. A reason that is not ours means that the caller went away. */
export function abortReason(signal: AbortSignal | undefined): RpcError {
  const reason: unknown = signal?.reason;
  return reason instanceof RpcError
    ? reason
    : new RpcError('cancelled', 'The caller cancelled the call', { cause: reason });
}

/**
 * Settles like the work, or rejects with the signal's reason as soon as it aborts. Work that fails after the abort
 * fails with that reason too: whatever a library makes of an abort, the reason is the truth.
 */
export function raceSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const lose = (): void => reject(abortReason(signal));
    if (signal.aborted) lose();
    const unfollow = onAbort(signal, lose);
    work.then(
      (result) => {
        unfollow();
        resolve(result);
      },
      (error) => {
        unfollow();
        reject(signal.aborted ? abortReason(signal) : error);
      },
    );
  });
}
