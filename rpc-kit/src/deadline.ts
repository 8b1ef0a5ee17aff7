import { RpcError } from './rpc-error.ts';

/** setTimeout's limit: a longer delay would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The deadline of one call. Dispose it to free its timer. */
export interface Deadline extends Disposable {
  /** Aborts at the deadline (`deadline_exceeded`) or when the caller's signal does (with its reason). */
  readonly signal: AbortSignal;
  /** On `performance.now()`'s scale. */
  readonly at: number;
}

export interface Canceller {
  readonly signal: AbortSignal;
  /** Only the first reason counts. */
  cancel(reason: RpcError): void;
}

/** Holds the listeners of signals created here: adding and removing an event listener costs a microsecond or two, several times a call. */
const FOLLOWERS = Symbol('followers');
type FollowedSignal = AbortSignal & { [FOLLOWERS]?: Set<() => void> };

/** An AbortController whose signal is cheap to follow with `onAbort`. */
export function createCanceller(): Canceller {
  return new FollowedController();
}

class FollowedController implements Canceller {
  readonly #controller = new AbortController();
  readonly #followers = new Set<() => void>();
  readonly signal: AbortSignal = this.#controller.signal;

  constructor() {
    (this.signal as FollowedSignal)[FOLLOWERS] = this.#followers;
  }

  cancel(reason: RpcError): void {
    if (this.signal.aborted) return;
    this.#controller.abort(reason);
    for (const follow of this.#followers) follow();
  }
}

/**
 * Calls the listener once when the signal aborts, but not when it has already aborted.
 * @returns a function that removes the listener
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
 * @param timeoutMs from now; at 0 or below, the signal is aborted from the start
 * @param callerSignal aborts the deadline's signal too
 */
export function startDeadline(timeoutMs: number, callerSignal?: AbortSignal): Deadline {
  return new TimedController(timeoutMs, callerSignal);
}

class TimedController extends FollowedController implements Deadline {
  readonly at: number;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #unfollow: (() => void) | undefined;

  constructor(timeoutMs: number, callerSignal: AbortSignal | undefined) {
    super();
    this.at = performance.now() + timeoutMs;
    if (callerSignal?.aborted) this.cancel(abortReason(callerSignal));
    else if (timeoutMs <= 0) expire(this);
    else {
      this.#timer = setTimeout(expire, Math.min(timeoutMs, TIMER_MAX_MS), this);
      if (callerSignal) this.#unfollow = onAbort(callerSignal, () => this.cancel(abortReason(callerSignal)));
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#unfollow?.();
  }
}

function expire(deadline: Canceller): void {
  deadline.cancel(new RpcError('deadline_exceeded', 'The call took longer than its deadline'));
}

/** The error of a call that the signal aborted. A reason that is no RpcError means that the caller left. */
export function abortReason(signal: AbortSignal | undefined): RpcError {
  const reason: unknown = signal?.reason;
  return reason instanceof RpcError
    ? reason
    : new RpcError('cancelled', 'The caller cancelled the call', { cause: reason });
}

/**
 * Settles like the work, or rejects with the signal's reason as soon as it aborts. Work that fails after the abort rejects
 * with that reason too, because libraries report an abort in their own ways.
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
