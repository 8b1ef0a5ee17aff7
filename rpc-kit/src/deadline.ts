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
 * Who is told first when a deadline's signal aborts: the races of its call. A signal's own listeners cost a microsecond or
 * two each to add and to remove, and every call has such a race.
 */
const racesOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * @param timeoutMs from now; at 0 or below the signal is aborted from the start.
 * @param callerSignal when it aborts, so does the deadline's.
 */
export function startDeadline(timeoutMs: number, callerSignal?: AbortSignal): Deadline {
  const controller = new AbortController();
  const races = new Set<() => void>();
  racesOf.set(controller.signal, races);
  const abort = (reason: RpcError): void => {
    controller.abort(reason);
    for (const lose of races) lose();
  };
  const expire = (): void => abort(new RpcError('deadline_exceeded', 'The call took longer than its deadline'));
  const follow = (): void => abort(abortReason(callerSignal));

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
    const lose = (): void => reject(abortReason(signal));
    const leave = enterRace(signal, lose);
    work.then(
      (result) => {
        leave();
        resolve(result);
      },
      (error) => {
        leave();
        reject(signal.aborted ? abortReason(signal) : error);
      },
    );
  });
}

function enterRace(signal: AbortSignal, lose: () => void): () => void {
  if (signal.aborted) lose();
  const races = racesOf.get(signal);
  if (races) {
    races.add(lose);
    return () => races.delete(lose);
  }
  signal.addEventListener('abort', lose, { once: true });
  return () => signal.removeEventListener('abort', lose);
}
