import { abortReason, onAbort } from '../deadline.ts';
import { PRIORITIES, type Priority, type Slot } from './concurrency-limit.ts';

interface Waiter {
  readonly timeoutMs: number;
  serve(slot: Slot): void;
  refuse(): void;
}

/** A call that has waited for longer has too little time left for its work and a further attempt. */
const PATIENCE_SHARE = 0.5;
/** Calls with a timeout of many seconds do not wait for longer either. */
const PATIENCE_MAX_MS = 1_000;

/** A queue that has not been empty for this long is no burst: it only makes each call late, and holds its connection. */
const BURST_MAX_MS = 300;

/**
 * Where calls of a burst wait for a slot, first come, first served within a priority. A burst is over soon; an overload is not. So the
 * room of a priority closes when its queue stands for too long, and for lower ones too when a call has waited in vain. It opens again
 * when the service is half idle.
 */
export class WaitingRoom {
  readonly #waitersMax: number;
  readonly #queues: Record<Priority, Queue> = { high: new Queue(), normal: new Queue(), low: new Queue() };

  constructor(waitersMax: number) {
    this.#waitersMax = waitersMax;
  }

  isOpen(priority: Priority): boolean {
    const queue = this.#queues[priority];
    if (queue.waiters.size > 0 && performance.now() - queue.standsSince > BURST_MAX_MS) queue.isClosed = true;
    const { high, normal, low } = this.#queues;
    return !queue.isClosed && high.waiters.size + normal.waiters.size + low.waiters.size < this.#waitersMax;
  }

  open(): void {
    for (const priority of PRIORITIES) this.#queues[priority].isClosed = false;
  }

  hasWaiters(priority: Priority): boolean {
    return this.#queues[priority].waiters.size > 0;
  }

  /** The waiter that is to be served next; it leaves the room when it is served. */
  next(priority: Priority): Waiter | undefined {
    const [waiter] = this.#queues[priority].waiters;
    return waiter;
  }

  async wait(priority: Priority, timeoutMs: number, signal: AbortSignal): Promise<Slot | undefined> {
    if (signal.aborted) throw abortReason(signal);
    if (!this.isOpen(priority)) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<Slot | undefined>();
    const patienceMs = Math.min(timeoutMs * PATIENCE_SHARE, PATIENCE_MAX_MS);
    const timer = setTimeout(() => this.#giveUp(priority), patienceMs);
    const unfollow = onAbort(signal, () => {
      leave();
      reject(abortReason(signal));
    });
    const leave = (): void => {
      waiters.delete(waiter);
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
    const queue = this.#queues[priority];
    const { waiters } = queue;
    if (waiters.size === 0) queue.standsSince = performance.now();
    waiters.add(waiter);
    return await promise;
  }

  #giveUp(priority: Priority): void {
    for (const affected of PRIORITIES.slice(PRIORITIES.indexOf(priority))) {
      const queue = this.#queues[affected];
      queue.isClosed = true;
      for (const waiter of queue.waiters) waiter.refuse();
    }
  }
}

class Queue {
  readonly waiters = new Set<Waiter>();
  /** Since when it has not been empty. */
  standsSince = 0;
  isClosed = false;
}
