import { setTimeout as pause } from 'node:timers/promises';
import { RpcError } from 'rpc-kit';

const POLL_MS = 20;
/** Below mocha's limit, whose error would not name the condition. */
const WAIT_MAX_MS = 40_000;

/** Waits until the condition holds, or fails after a while. */
export async function eventually(
  what: string | (() => string),
  holds: () => Promise<boolean> | boolean,
  pollMs = POLL_MS,
): Promise<void> {
  const until = performance.now() + WAIT_MAX_MS;
  while (!(await holds())) {
    if (performance.now() > until) {
      throw new Error(`still not after ${WAIT_MAX_MS / 1000} s: ${typeof what === 'string' ? what : what()}`);
    }
    await pause(pollMs);
  }
}

/** After these the outcome of the call is unknown, or it was refused for now: it may be retried. */
const RETRYABLE = new Set(['unavailable', 'deadline_exceeded', 'resource_exhausted', 'aborted']);

export function isUnanswered(error: unknown): error is RpcError {
  return error instanceof RpcError && RETRYABLE.has(error.code);
}

const PAUSE_MS = 50;

/** Retries a call that is safe to repeat until it is answered. */
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
