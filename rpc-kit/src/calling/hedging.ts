import type { Call, Interceptor, Next } from '../call.ts';
import { abortReason, onAbort } from '../deadline.ts';
import { RpcError, toRpcError } from '../rpc-error.ts';
import { LIMIT } from '../schema/whole-number.ts';
import { notify } from '../telemetry/notify.ts';
import { perMethod } from '../telemetry/per-method.ts';
import { failureOf } from './failure.ts';
import { createLatencyPercentile, type LatencyPercentile } from './latency-percentile.ts';
import type { RetryBudget } from './retry-budget.ts';

/** When `hedging` sends a second attempt, and the budget that bounds it. */
export type HedgingOptions = HedgingDelay & {
  /** The peer's budget, shared with `retry()`, which deposits into it. Each hedge withdraws a retry. */
  readonly budget: RetryBudget;
  readonly on?: Partial<HedgingEvents>;
};

/** How long the first attempt may take before the second is sent: about the time within which 19 of 20 calls are answered. */
export type HedgingDelay =
  | { readonly afterMs: number; readonly afterPercentile?: never }
  /** A percentile of the method's latency as observed here, e.g. 95; at least 5 ms. The first 100 calls are not hedged. */
  | { readonly afterPercentile: number; readonly afterMs?: never };

/** What `hedging` reports. */
export interface HedgingEvents {
  /** A second attempt is sent. */
  hedge(event: { readonly call: Call }): void;
  /** A hedged call has ended. */
  settled(event: { readonly call: Call; readonly by: HedgeWinner }): void;
  /** The budget does not allow a second attempt. */
  unaffordable(event: { readonly call: Call }): void;
}

/** The attempt whose answer the caller got; `none` when both attempts failed or the caller left. */
export type HedgeWinner = 'first' | 'hedge' | 'none';

/** Below it, pauses of this process look like slow answers, and a second attempt saves less than it costs. */
const PERCENTILE_MS_MIN = 5;

/** What a hedged call needs besides the call: the wait, and where its latency is recorded. */
interface Delay {
  readonly afterMs: number;
  readonly latency?: LatencyPercentile;
}

/**
 * Sends a slow read a second time and returns the first answer ("The Tail at Scale", Dean and Barroso, 2013). The other attempt
 * is aborted. A balancer sends the second attempt to another endpoint, if it has one.
 *
 * An answer is a result or an `answered` failure (see `failureOf`). When one of two attempts fails otherwise, the other decides;
 * when a single attempt fails so, the call fails, and `retry()` around it decides. Writes and streams are never hedged.
 *
 * @throws {RangeError} when an option is outside its range
 */
export function hedging(options: HedgingOptions): Interceptor {
  const { budget, on } = options;
  const delayOf = readDelay(options);

  return (next) => (call) => {
    if (!call.contract?.reads || call.emit) return next(call);
    return hedged(next, call, delayOf(call));
  };

  function hedged(next: Next, call: Call, { afterMs, latency }: Delay): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const attempts = new Map<HedgeWinner, AbortController>();
    const startedAt = performance.now();
    const endpoints = new Set<object>();
    let timer: NodeJS.Timeout | undefined;
    let unfollow: (() => void) | undefined;
    let sent = 0;

    /** Ends the call, aborts the attempts that are in flight and ignores their outcome. */
    function settle(by: HedgeWinner, outcome: () => void, reason?: RpcError): void {
      clearTimeout(timer);
      unfollow?.();
      if (sent > 1) notify(on?.settled, { call, by });
      for (const attempt of attempts.values()) attempt.abort(reason ?? overtaken());
      attempts.clear();
      outcome();
    }

    /** Where the hedge won, the first attempt would have taken at least this long, which is above the percentile already. */
    function answer(by: HedgeWinner, outcome: () => void): void {
      latency?.record(performance.now() - startedAt);
      settle(by, outcome);
    }

    function follow(): void {
      const reason = abortReason(call.signal);
      settle('none', () => reject(reason), reason);
    }

    async function send(by: HedgeWinner): Promise<void> {
      const controller = new AbortController();
      attempts.set(by, controller);
      sent += 1;
      try {
        const result = await next({ ...call, signal: controller.signal, endpoints });
        if (attempts.delete(by)) answer(by, () => resolve(result));
      } catch (thrown) {
        if (!attempts.delete(by)) return;
        const error = toRpcError(thrown);
        if (failureOf(call, error) === 'answered') answer(by, () => reject(error));
        else if (attempts.size === 0) settle('none', () => reject(error));
      }
    }

    function hedge(): void {
      if (attempts.size === 0) return;
      if (budget.tryWithdraw()) {
        notify(on?.hedge, { call });
        void send('hedge');
      } else {
        notify(on?.unaffordable, { call });
      }
    }

    if (call.signal.aborted) follow();
    else {
      unfollow = onAbort(call.signal, follow);
      // After a pause of this process, timers fire before sockets are read: the answer may be there already.
      if (afterMs <= LIMIT.max) timer = setTimeout(() => nextTurn(hedge), afterMs);
      void send('first');
    }
    return promise;
  }
}

/** Browsers have no setImmediate. */
function nextTurn(work: () => void): void {
  (globalThis.setImmediate ?? setTimeout)(work);
}

function readDelay({ afterMs, afterPercentile }: HedgingDelay): (call: Call) => Delay {
  if (afterPercentile === undefined) {
    if (!(afterMs > 0)) throw new RangeError(`afterMs is ${afterMs}, but has to be above 0`);
    return () => ({ afterMs });
  }
  if (!(afterPercentile > 0 && afterPercentile < 100)) {
    throw new RangeError('afterPercentile must be above 0 and below 100');
  }
  const latencyOf = perMethod(() => createLatencyPercentile(afterPercentile));
  return (call) => {
    const latency = latencyOf(call);
    // Timers count whole milliseconds and cut off the rest.
    return { latency, afterMs: Math.max(PERCENTILE_MS_MIN, Math.ceil(latency.ms ?? Number.POSITIVE_INFINITY)) };
  };
}

function overtaken(): RpcError {
  return new RpcError('cancelled', 'The other attempt at the call was faster');
}
