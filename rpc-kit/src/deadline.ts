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

/** Is cancelled together with what it follows. */
export interface Follower {
  cancel(reason: RpcError): void;
}

/** An AbortController that is cheap to create and to follow: it makes its signal on first use. */
export class Canceller implements Follower {
  #reason: RpcError | undefined;
  /** Most cancellers have one follower at a time, which needs no set. */
  #first: Follower | undefined;
  #others: Set<Follower> | undefined;
  #controller: AbortController | undefined;

  get reason(): RpcError | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      (this.#controller.signal as CancellersSignal)[CANCELLER] = this;
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Only the first reason counts. */
  cancel(reason: RpcError): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#first?.cancel(reason);
    for (const follower of this.#others ?? []) follower.cancel(reason);
  }

  /** A follower that comes after the cancellation is not cancelled. */
  follow(follower: Follower): void {
    if (this.#first === undefined) {
      this.#first = follower;
      return;
    }
    this.#others ??= new Set();
    this.#others.add(follower);
  }

  unfollow(follower: Follower): void {
    if (this.#first === follower) this.#first = undefined;
    else this.#others?.delete(follower);
  }
}

/** Leads from a signal to its canceller: adding and removing an event listener costs a microsecond or two, several times a call. */
const CANCELLER = Symbol('canceller');
type CancellersSignal = AbortSignal & { [CANCELLER]?: Canceller };

/**
 * Calls the listener once when the signal aborts, but not when it has already aborted.
 * @returns a function that removes the listener
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  return followSignal(signal, { cancel: listener });
}

/** Like `onAbort`, for an object. */
export function followSignal(signal: AbortSignal, follower: Follower): () => void {
  const canceller = (signal as CancellersSignal)[CANCELLER];
  if (canceller) {
    canceller.follow(follower);
    return () => canceller.unfollow(follower);
  }
  const listener = (): void => follower.cancel(abortReason(signal));
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}

/**
 * A signal that aborts at the deadline and when the caller leaves, with the reason as an `RpcError`. Dispose of it at the end of the work.
 *
 * @param timeoutMs from now; at 0, below it and for NaN, the signal is aborted from the start
 * @param caller cancels the deadline too
 * @param now when the clock has just been read: each reading takes a hundredth of the time of a call
 */
export function startDeadline(
  timeoutMs: number,
  caller?: AbortSignal | Canceller,
  now: number = performance.now(),
): Deadline {
  return new TimedCanceller(timeoutMs, caller, now);
}

class TimedCanceller extends Canceller implements Deadline {
  readonly at: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #caller: Canceller | undefined;
  readonly #unfollow: (() => void) | undefined;

  constructor(timeoutMs: number, caller: AbortSignal | Canceller | undefined, now: number) {
    super();
    this.at = now + timeoutMs;
    const gone = caller && goneReason(caller);
    if (gone) this.cancel(gone);
    // NaN, too: a timer of NaN would fire each millisecond, and never at the deadline.
    else if (!(timeoutMs > 0)) this.cancel(deadlineExceeded());
    else {
      this.#timer = setTimeout(expire, toTimerMs(timeoutMs), this);
      if (caller instanceof Canceller) {
        this.#caller = caller;
        caller.follow(this);
      } else if (caller) this.#unfollow = onAbort(caller, () => this.cancel(abortReason(caller)));
    }
  }

  /** Node counts a timer from the beginning of the turn of the event loop, so after a long turn it fires early. */
  expire(): void {
    const remainingMs = this.at - performance.now();
    if (remainingMs <= 0) this.cancel(deadlineExceeded());
    else this.#timer = setTimeout(expire, toTimerMs(remainingMs), this);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#caller?.unfollow(this);
    this.#unfollow?.();
  }
}

/** Whole milliseconds, so that deadlines of one timeout share one of Node's lists. */
function toTimerMs(timeoutMs: number): number {
  return Math.min(Math.ceil(timeoutMs), TIMER_MAX_MS);
}

/**
 * Keeps Node's lists of timers for these timeouts until it is disposed of. Node drops a list with its last timer, and making it anew for
 * the next deadline costs more than the timer; where calls are short, each call would make one.
 */
export function keepTimerLists(timeoutsMs: readonly number[]): Disposable {
  const timers = Array.from(new Set(timeoutsMs), (timeoutMs) => setInterval(() => {}, toTimerMs(timeoutMs)).unref());
  return {
    [Symbol.dispose]() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}

function goneReason(caller: AbortSignal | Canceller): RpcError | undefined {
  if (caller instanceof Canceller) return caller.reason;
  return caller.aborted ? abortReason(caller) : undefined;
}

function expire(deadline: TimedCanceller): void {
  deadline.expire();
}

export function deadlineExceeded(): RpcError {
  return new RpcError('deadline_exceeded', 'The call took longer than its deadline');
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
  return raceSignalTo(work, signal, unchanged, unchanged);
}

/** Like `raceSignal`, and converts the result or the error on the way: a function that awaits both would cost another promise. */
export function raceSignalTo<T, R>(
  work: Promise<T>,
  signal: AbortSignal,
  toResult: (result: T) => R,
  toError: (error: unknown) => unknown,
): Promise<R> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      try {
        reject(toError(error));
      } catch (failure) {
        reject(failure);
      }
    };
    const lose = (): void => fail(abortReason(signal));
    if (signal.aborted) lose();
    const unfollow = onAbort(signal, lose);
    work.then(
      (result) => {
        unfollow();
        try {
          resolve(toResult(result));
        } catch (error) {
          fail(error);
        }
      },
      (error) => {
        unfollow();
        fail(signal.aborted ? abortReason(signal) : error);
      },
    );
  });
}

/** @throws {RpcError} the signal's reason, as soon as it aborts */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await raceSignal(promise, signal);
  } finally {
    clearTimeout(timer);
  }
}

function unchanged<T>(value: T): T {
  return value;
}
