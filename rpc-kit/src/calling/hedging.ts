import type { Call, Interceptor, Next } from '../call.ts';
import { abortReason } from '../deadline.ts';
import { RpcError, toRpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';
import { failureOf } from './failure.ts';
import type { RetryBudget } from './retry-budget.ts';

export interface HedgingOptions {
  /** The peer's budget, shared with `retry()`, which deposits into it. Each hedge withdraws a retry. */
  readonly budget: RetryBudget;
  /**
   * How long the first attempt may take before the second is sent, in milliseconds. About the 95th percentile of the
   * method's latency, so that only few, slow calls are hedged.
   */
  readonly afterMs: number;
  readonly on?: Partial<HedgingEvents>;
}

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

/**
 * Sends a slow read a second time and returns the first answer ("The Tail at Scale", Dean and Barroso, 2013). The other attempt
 * is aborted. A balancer usually sends the second attempt to another endpoint, because the first is still in flight.
 *
 * An answer is a result or an `answered` failure (see `failureOf`). When one of two attempts fails otherwise, the other decides;
 * when a single attempt fails so, the call fails, and `retry()` around it decides. Writes and streams are never hedged.
 */
export function hedging({ budget, afterMs, on }: HedgingOptions): Interceptor {
  return (next) => (call) => {
    if (!call.contract?.reads || call.emit) return next(call);
    return hedged(next, call);
  };

  function hedged(next: Next, call: Call): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const attempts = new Map<HedgeWinner, AbortController>();
    let sent = 0;

    /** Ends the call, aborts the attempts that are in flight and ignores their outcome. */
    function settle(by: HedgeWinner, outcome: () => void, reason?: RpcError): void {
      clearTimeout(timer);
      call.signal.removeEventListener('abort', follow);
      if (sent > 1) notify(on?.settled, { call, by });
      for (const attempt of attempts.values()) attempt.abort(reason ?? overtaken());
      attempts.clear();
      outcome();
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
        const result = await next({ ...call, signal: controller.signal });
        if (attempts.delete(by)) settle(by, () => resolve(result));
      } catch (thrown) {
        if (!attempts.delete(by)) return;
        const error = toRpcError(thrown);
        if (failureOf(call, error) === 'answered') settle(by, () => reject(error));
        else if (attempts.size === 0) settle('none', () => reject(error));
      }
    }

    function hedge(): void {
      if (budget.tryWithdraw()) {
        notify(on?.hedge, { call });
        void send('hedge');
      } else {
        notify(on?.unaffordable, { call });
      }
    }

    const timer = setTimeout(hedge, afterMs);
    if (call.signal.aborted) follow();
    else {
      call.signal.addEventListener('abort', follow, { once: true });
      void send('first');
    }
    return promise;
  }
}

function overtaken(): RpcError {
  return new RpcError('cancelled', 'The other attempt at the call was faster');
}
