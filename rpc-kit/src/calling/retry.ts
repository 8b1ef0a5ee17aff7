import type { Call, Interceptor } from '../call.ts';
import { CODES } from '../code.ts';
import { type MethodContract, retrySafetyOf } from '../contract.ts';
import { raceSignal } from '../deadline.ts';
import { type RpcError, toRpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';
import { hadNoEffect } from './failure.ts';
import type { RetryBudget } from './retry-budget.ts';

export interface RetryOptions {
  /** One for each peer, shared by all that call it. */
  readonly budget: RetryBudget;
  /** Attempts at one call, the first one included. */
  readonly attemptsMax?: number;
  readonly backoff?: Partial<Backoff>;
  /** From 0 to below 1. */
  readonly random?: () => number;
  readonly on?: Partial<RetryEvents>;
}

/** The pause before attempt n + 1 is anything up to `baseMs × 2^(n − 1)`, and never above `maxMs`, in milliseconds. */
export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

export interface RetryEvents {
  /** The attempt failed; after the pause there will be another. */
  retry(event: {
    readonly call: Call;
    /** The attempt that failed, from 1. */
    readonly attempt: number;
    readonly delayMs: number;
    readonly error: RpcError;
  }): void;
  /** A later attempt than the first succeeded. */
  recovered(event: { readonly call: Call; readonly attempts: number }): void;
  /** The call failed in a way that another attempt might have mended, and there will be none. */
  giveUp(event: {
    readonly call: Call;
    readonly attempts: number;
    readonly error: RpcError;
    readonly why: GiveUpReason;
  }): void;
}

/**
 * Why there is no further attempt:
 * - `unsafe`: the call may have taken effect, and the contract does not let it be sent twice.
 * - `nested`: the call is part of answering another; its outermost caller retries.
 * - `attempts`: all are used up.
 * - `time`: the pause would end at the call's deadline or after it, or the caller is gone.
 * - `budget`: the peer has been sent its share of retries.
 */
export type GiveUpReason = 'unsafe' | 'nested' | 'attempts' | 'time' | 'budget';

const DEFAULTS = {
  // The second attempt mends what is passing; what the third does not mend is an outage.
  attemptsMax: 3,
  // The first pause is on average as long as a few calls; the cap leaves room for an attempt within the timeouts at hand.
  backoff: { baseMs: 25, maxMs: 1_000 },
  random: Math.random,
} as const satisfies Omit<RetryOptions, 'budget'>;

/**
 * Sends a failed call again where that may help and cannot hurt:
 *
 * - what certainly had no effect: it never reached the peer, or the peer refused it as overloaded. Also writes.
 * - what the code's advice in `CODES` and the contract (`retrySafetyOf`) together allow: reads, and writes that carry an
 *   idempotency key, after `unavailable`, `resource_exhausted` and `deadline_exceeded`. `unavailable` with a bare
 *   Retry-After is among them: a handler may have passed on what a third service said, after it changed something itself.
 * - never `aborted`: the loser of a race must begin from the start, with what it read.
 *
 * A call that is part of answering another one (`call.nested`) is sent again only when it never reached the peer.
 *
 * Pauses are exponential with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/),
 * on top of the peer's Retry-After (RFC 9110, section 10.2.3), so that those who were told the same time do not come back
 * together. All attempts share the call's one deadline: where the pause does not fit in, the call fails at once with what it
 * failed with last.
 */
export function retry(options: RetryOptions): Interceptor {
  const { budget, attemptsMax, random, on } = { ...DEFAULTS, ...options };
  const backoff = { ...DEFAULTS.backoff, ...options.backoff };

  function whyNot(call: Call, error: RpcError, attempts: number, delayMs: number): GiveUpReason | undefined {
    if (!mayRepeat(call, error)) return 'unsafe';
    if (call.nested && !error.neverSent) return 'nested';
    if (attempts >= attemptsMax) return 'attempts';
    if (call.signal.aborted || performance.now() + delayMs >= call.deadlineAt) return 'time';
    return budget.tryWithdraw() ? undefined : 'budget';
  }

  return (next) => async (call) => {
    budget.deposit();
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await next(call);
        if (attempt > 1) notify(on?.recovered, { call, attempts: attempt });
        return result;
      } catch (thrown) {
        const error = toRpcError(thrown);
        if (!isMendable(error)) throw error;
        const delayMs = Math.max(0, error.retryAfterMs ?? 0) + random() * bound(backoff, attempt);
        const why = whyNot(call, error, attempt, delayMs);
        if (why) {
          notify(on?.giveUp, { call, attempts: attempt, error, why });
          throw error;
        }
        notify(on?.retry, { call, attempt, delayMs, error });
        await pause(delayMs, call.signal);
      }
    }
  };
}

function bound({ baseMs, maxMs }: Backoff, attempt: number): number {
  return Math.min(maxMs, baseMs * 2 ** (attempt - 1));
}

/** Whether the same call might end otherwise the next time, leaving aside whether it may be sent. */
function isMendable(error: RpcError): boolean {
  const advice = CODES[error.code].retry;
  return error.neverSent || advice === 'when-safe' || advice === 'after-pause';
}

function mayRepeat(call: Call, error: RpcError): boolean {
  return hadNoEffect(call, error) || (call.contract !== undefined && isSafeToRepeat(call, call.contract));
}

function isSafeToRepeat(call: Call, contract: MethodContract): boolean {
  const safety = retrySafetyOf(contract);
  return safety === 'safe' || (safety === 'with-idempotency-key' && hasIdempotencyKey(call));
}

function hasIdempotencyKey({ params, caller }: Call): boolean {
  const key = (params as { readonly idempotencyKey?: unknown } | undefined)?.idempotencyKey ?? caller.idempotencyKey;
  return typeof key === 'string' && key !== '';
}

/** @throws {RpcError} the signal's reason, as soon as it aborts */
async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, delayMs);
  try {
    await raceSignal(promise, signal);
  } finally {
    clearTimeout(timer);
  }
}
