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

/**
 * @param timeoutMs from now; at 0 or below the signal is aborted from the start.
 * @param callerSignal when it aborts, so does the deadline's.
 */
export function startDeadline(timeoutMs: number, callerSignal?: AbortSignal): Deadline {
  const controller = new AbortController();
  const expire = (): void =>
    controller.abort(new RpcError('deadline_exceeded', 'The call took longer than its deadline'));
  const follow = (): void => controller.abort(abortReason(callerSignal));

  if (callerSignal?.aborted) follow();
  else if (timeoutMs <= 0) expire();
  else callerSignal?.addEventListener('abort', follow, { once: true });
  const timer = controller.signal.aborted ? undefined : setTimeout(expire, Math.min(timeoutMs, TIMER_MAX_MS));

  return {
    signal: controller.signal,
    at: performance.now() + timeoutMs,
    [Symbol.dispose]() {
      clearTimeout(timer);
      callerSignal?.removeEventListener('abort', follow);
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
    const onAbort = (): void => reject(abortReason(signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(
      (result) => {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      },
      (error) => {
        signal.removeEventListener('abort', onAbort);
        reject(signal.aborted ? abortReason(signal) : error);
      },
    );
  });
}
