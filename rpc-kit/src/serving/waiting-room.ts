import { abortReason, onAbort } from '../deadline.ts';
import { PRIORITIES, type Priority, type Slot } from './concurrency-limit.ts';

interface Waiter {
  readonly timeoutMs: number;
  serve(slot: Slot): void;
  refuse(): void;
}

/** A call that has waited for longer has too little time left for its work and a further attempt. */
const PATIENCE_SHARE = 0.5;
/** Callers without a deadline of seconds do not wait for longer either. */
const PATIENCE_MAX_MS = 1_000;

/**
 * Where calls of a burst wait for a slot, first come, first served within a priority. A burst is over soon; an overload is not, and
 * a queue would only make each call late. So the first call that waits in vain closes the room for its priority and lower ones, and
 * it opens again when the service is half idle.
 */
export class WaitingRoom {
  readonly #waitersMax: number;
  readonly #waiters: Record<Priority, Set<Waiter>> = { high: new Set(), normal: new Set(), low: new Set() };
  readonly #isClosed: Record<Priority, boolean> = { high: false, normal: false, low: false };

  constructor(waitersMax: number) {
    this.#waitersMax = waitersMax;
  }

  isOpen(priority: Priority): boolean {
    if (this.#isClosed[priority]) return false;
    const { high, normal, low } = this.#waiters;
    return high.size + normal.size + low.size < this.#waitersMax;
  }

  open(): void {
    for (const priority of PRIORITIES) this.#isClosed[priority] = false;
  }

  hasWaiters(priority: Priority): boolean {
    return this.#waiters[priority].size > 0;
  }

  /** Removes the waiter that is to be served next. */
  next(priority: Priority): Waiter | undefined {
    const [waiter] = this.#waiters[priority];
    return waiter;
  }

  async wait(priority: Priority, timeoutMs: number, signal: AbortSignal): Promise<Slot | undefined> {
    if (signal.aborted) throw abortReason(signal);
    if (!this.isOpen(priority)) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<Slot | undefined>();
    const patienceMs = Math.min(timeoutMs * PATIENCE_SHARE, PATIENCE_MAX_MS);
    const timer = setTimeout(() => this.#close(priority), patienceMs);
    const unfollow = onAbort(signal, () => {
      leave();
      reject(abortReason(signal));
    });
    const leave = (): void => {
      this.#waiters[priority].delete(waiter);
      clearTimeout(timer);
      unfollow();
    };
    const waiter: Waiter = {
      timeoutMs,
      serve(slot) {
        leave();
        resolve(slot);
      },
      refuse() {
        leave();
        resolve(undefined);
      },
    };
    this.#waiters[priority].add(waiter);
    return await promise;
  }

  #close(priority: Priority): void {
    for (const closed of PRIORITIES.slice(PRIORITIES.indexOf(priority))) {
      this.#isClosed[closed] = true;
      for (const waiter of this.#waiters[closed]) waiter.refuse();
    }
  }
}
