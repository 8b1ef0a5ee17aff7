import { setTimeout as pause } from 'node:timers/promises';
import { RpcError } from 'rpc-kit';

const POLL_MS = 20;
/** Below the limit of the tests, which would not say what was waited for. */
const WAIT_MAX_MS = 40_000;

/** Waits, but not for ever, until it holds. */
export async function eventually(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const until = performance.now() + WAIT_MAX_MS;
  while (!(await holds())) {
    if (performance.now() > until) throw new Error(`still not after ${WAIT_MAX_MS / 1000} s: ${what}`);
    await pause(POLL_MS);
  }
}

/** After these it is not known what became of the call, or it was not taken on; it may come again. */
const COMES_AGAIN = new Set(['unavailable', 'deadline_exceeded', 'resource_exhausted', 'aborted']);

export function isUnanswered(error: unknown): error is RpcError {
  return error instanceof RpcError && COMES_AGAIN.has(error.code);
}

const PAUSE_MS = 50;

/** Calls again as a patient client does, until there is an answer: for calls that are safe to repeat. */
export async function answerTo<T>(call: () => Promise<T>): Promise<T> {
  const until = performance.now() + WAIT_MAX_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isUnanswered(error) || performance.now() > until) throw error;
      await pause(error.retryAfterMs ?? PAUSE_MS);
    }
  }
}
