/**
 * How many calls a service runs at a time, and which calls have priority when there is not room for all.
 *
 * A server that accepts every call slows down until all of them time out. A server that accepts only what it can run at once stays
 * fast for those calls, and refuses the others at once.
 */
export interface ConcurrencyLimit {
  /**
   * A slot for a call of this priority; `undefined` when none is free.
   * @param timeoutMs of the call's method
   */
  tryAcquire(priority: Priority, timeoutMs: number): Slot | undefined;
  /**
   * Waits for a slot in a burst; `undefined` when there is no room to wait, or no slot came in time. Without it, no call waits.
   * @throws the signal's reason as soon as it aborts
   */
  wait?(priority: Priority, timeoutMs: number, signal: AbortSignal): Promise<Slot | undefined>;
  /** Whether a call would get a slot or may wait for one, without taking it: a cheap check before a body is read. */
  hasRoom(priority: Priority): boolean;
  /** Calls at a time, for the highest priority. */
  readonly limit: number;
  readonly inFlight: number;
}

/** Release it once, when the call has ended. */
export interface Slot {
  /** @param isSample whether the call's duration says how busy the service is; that of a refusal or failure does not */
  release(isSample: boolean): void;
}

/** `low` is refused first: paying outranks browsing. */
export type Priority = 'high' | 'normal' | 'low';

/** From the first to be served. */
export const PRIORITIES = ['high', 'normal', 'low'] as const satisfies readonly Priority[];

/** The share of the limit that calls of a priority may fill; the rest is kept for higher priorities. */
const SHARE: Record<Priority, number> = { high: 1, normal: 0.9, low: 0.7 };

/** Room for at least one call of every priority, however small the limit. */
export function roomFor(limit: number, priority: Priority): number {
  return Math.max(1, Math.floor(limit * SHARE[priority]));
}

/** A limit that never changes. */
export function fixedLimit(limit: number): ConcurrencyLimit {
  let inFlight = 0;
  return {
    tryAcquire(priority) {
      if (inFlight >= roomFor(limit, priority)) return undefined;
      inFlight += 1;
      return {
        release() {
          inFlight -= 1;
        },
      };
    },
    hasRoom: (priority) => inFlight < roomFor(limit, priority),
    limit,
    get inFlight() {
      return inFlight;
    },
  };
}
