import type { Call, Interceptor } from '../call.ts';
import { CODES } from '../code.ts';
import { type MethodContract, retrySafetyOf } from '../contract.ts';
import { pause } from '../deadline.ts';
import { type RpcError, toRpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';
import { hadNoEffect } from './failure.ts';
import { atLeast, checkRange } from './option-range.ts';
import { Resumption } from './resumption.ts';
import type { RetryBudget } from './retry-budget.ts';

/** How often, after which pauses and within which budget `retry` repeats a call. */
export interface RetryOptions {
  /** One for each peer, shared by all its clients. */
  readonly budget: RetryBudget;
  /** Attempts at one call, the first one included. */
  readonly attemptsMax?: number;
  readonly backoff?: Partial<Backoff>;
  /** From 0 to below 1. */
  readonly random?: () => number;
  readonly on?: Partial<RetryEvents>;
}

/** The pause before attempt n + 1 is random, up to `baseMs × 2^(n − 1)` and never above `maxMs`, in milliseconds. */
export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** What `retry` reports. */
export interface RetryEvents {
  /** The attempt failed; another follows after the pause. */
  retry(event: {
    readonly call: Call;
    /** The attempt that failed, from 1. */
    readonly attempt: number;
    readonly delayMs: number;
    readonly error: RpcError;
  }): void;
  /** An attempt after the first succeeded. */
  recovered(event: { readonly call: Call; readonly attempts: number }): void;
  /** The call failed although another attempt might have succeeded, and none follows. */
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
 * - `nested`: the call is part of answering another; the outermost caller retries.
 * - `attempts`: all attempts are used up.
 * - `time`: the pause would end at the call's deadline or after it, or the caller has left.
 * - `budget`: the retry budget is empty.
 */
export type GiveUpReason = 'unsafe' | 'nested' | 'attempts' | 'time' | 'budget';

const DEFAULTS = {
  // The second attempt gets past a passing failure; a failure that outlasts the third is an outage.
  attemptsMax: 3,
  // The first pause lasts about as long as a few calls; the cap leaves time for an attempt within common timeouts.
  backoff: { baseMs: 25, maxMs: 1_000 },
  random: Math.random,
} as const satisfies Omit<RetryOptions, 'budget'>;

/**
 * Retries a failed call where that may help and cannot hurt:
 *
 * - any call that certainly had no effect, also a write: it never reached the peer, or the peer refused it as overloaded.
 * - reads, and writes with an idempotency key (`retrySafetyOf`), after `unavailable`, `resource_exhausted` and
 *   `deadline_exceeded`. A bare Retry-After does not prove that a call had no effect: a handler may have passed it on from a third
 *   service after its own write.
 * - never after `aborted`: the caller has to read again and decide again.
 *
 * A stream is resumed after its last item where the contract says how to resume it; else only a stream without items is called again. An
 * attempt that brought items counts as the first.
 *
 * A call that is part of answering another one (`call.nested`) is retried only when it never reached the peer.
 *
 * Pauses are exponential with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/),
 * added to the peer's Retry-After (RFC 9110, section 10.2.3), so that callers with the same Retry-After do not return
 * together. All attempts share the call's deadline: when the pause does not fit, the call fails at once with its last error.
 *
 * @throws {RangeError} for an option outside its range
 */
export function retry(options: RetryOptions): Interceptor {
  const { budget, attemptsMax, random, on } = { ...DEFAULTS, ...options };
  const backoff = { ...DEFAULTS.backoff, ...options.backoff };
  checkRange({ attemptsMax }, atLeast(1));
  for (const [name, ms] of Object.entries(backoff)) checkRange({ [`backoff.${name}`]: ms }, atLeast(0));

  function whyNot(call: Call, error: RpcError, attempts: number, delayMs: number): GiveUpReason | undefined {
    if (!mayRepeat(call, error)) return 'unsafe';
    if (call.nested && !error.neverSent) return 'nested';
    if (attempts >= attemptsMax) return 'attempts';
    if (call.signal.aborted || performance.now() + delayMs >= call.deadlineAt) return 'time';
    return budget.tryWithdraw() ? undefined : 'budget';
  }

  return (next) => async (call) => {
    budget.deposit();
    const stream = call.emit && new Resumption(call, call.emit);
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await next(stream ? stream.next() : call);
        if (attempt > 1) notify(on?.recovered, { call, attempts: attempt });
        return result;
      } catch (thrown) {
        const error = toRpcError(thrown);
        if (!mayRecover(error)) throw error;
        if (stream?.hasProgress) {
          attempt = 1;
          budget.deposit();
        }
        const delayMs = Math.max(0, error.retryAfterMs ?? 0) + random() * bound(backoff, attempt);
        const why = stream?.isPossible === false ? 'unsafe' : whyNot(call, error, attempt, delayMs);
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

/** Whether the same call might succeed the next time, whether or not it may be sent. */
function mayRecover(error: RpcError): boolean {
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
