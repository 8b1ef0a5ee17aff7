import type { Call, DeferredTask } from '../call.ts';
import { notify } from '../telemetry/notify.ts';

export interface DeferredTaskEvents {
  /** A task failed. No caller awaits it, so only this event reports the failure. */
  failed(event: { readonly call: Call; readonly error: unknown }): void;
  /** A task was not started, because too many are running. */
  dropped(event: { readonly call: Call }): void;
}

export interface DeferredTasks {
  /** Starts the tasks of a call that has been answered. */
  start(call: Call, tasks: readonly DeferredTask[]): void;
  /** Waits until all started tasks have ended, or until the timeout. */
  drain(timeoutMs: number): Promise<void>;
  readonly underWay: number;
}

/** Running tasks. More would mean that they are slower than the calls that cause them, and memory would grow. */
export const DEFERRED_TASKS_MAX = 1_000;

export function createDeferredTasks(
  on: Partial<DeferredTaskEvents> = {},
  tasksMax = DEFERRED_TASKS_MAX,
): DeferredTasks {
  const running = new Set<Promise<void>>();

  function begin(call: Call, task: DeferredTask): void {
    if (running.size >= tasksMax) {
      notify(on.dropped, { call });
      return;
    }
    const run: Promise<void> = afterThisTurn()
      .then(task)
      .catch((error) => notify(on.failed, { call, error }))
      .then(() => {
        running.delete(run);
      });
    running.add(run);
  }

  return {
    start(call, tasks) {
      for (const task of tasks) begin(call, task);
    },
    async drain(timeoutMs) {
      const timeout = Promise.withResolvers<void>();
      const timer = setTimeout(timeout.resolve, timeoutMs);
      await Promise.race([Promise.all(running), timeout.promise]);
      clearTimeout(timer);
    },
    get underWay() {
      return running.size;
    },
  };
}

/** The answer is written in the turn in which the call ends; a task must not run before it. */
function afterThisTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
