import { setTimeout as sleep } from 'node:timers/promises';
import { abortReason, onAbort } from 'rpc-kit';

/** Slots that jobs occupy one after another, first come, first served: like connections to a database. */
export interface Pool {
  /**
   * Resolves when the job has been done.
   * @param signal takes a job that waits out of the queue
   */
  run(signal?: AbortSignal): Promise<void>;
  /** Every slot stands still for so long. */
  stall(ms: number): void;
}

/** The queue has no limit of its own, as a naive one has not; the calls of a run bound it. */
export function createPool({ slots, serviceMs }: { readonly slots: number; readonly serviceMs: number }): Pool {
  const waiting = new Set<() => void>();
  let idleSlots = slots;
  let stalledUntil = 0;

  /** One slot, until no job waits. */
  async function serve(): Promise<void> {
    idleSlots -= 1;
    let at = performance.now();
    for (const done of waiting) {
      waiting.delete(done);
      // By the clock and not by timers: a late timer costs no capacity.
      at = await passed(Math.max(at, stalledUntil) + serviceMs);
      done();
    }
    idleSlots += 1;
  }

  async function passed(at: number): Promise<number> {
    for (;;) {
      const end = Math.max(at, stalledUntil);
      const leftMs = end - performance.now();
      if (leftMs <= 0) return end;
      await sleep(leftMs);
    }
  }

  return {
    run(signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.add(resolve);
      if (signal) {
        onAbort(signal, () => {
          waiting.delete(resolve);
          reject(abortReason(signal));
        });
      }
      if (idleSlots > 0) void serve();
      return promise;
    },
    stall(ms) {
      stalledUntil = performance.now() + ms;
    },
  };
}
