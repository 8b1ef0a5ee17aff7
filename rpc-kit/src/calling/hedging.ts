import type { Call, Interceptor, Next } from '../call.ts';
import { abortReason } from '../deadline.ts';
import { RpcError, toRpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';
import { failureOf } from './failure.ts';
import type { RetryBudget } from './retry-budget.ts';

export interface HedgingOptions {
  /** The peer's, the same that `retry()` has, which also pays into it. Each hedge takes a retry out. */
  readonly budget: RetryBudget;
  /**
   * How long the first attempt may take before the second is sent, in milliseconds. About the 95th percentile of the
   * method's latency, so that few calls are hedged and only the slow ones.
   */
  readonly afterMs: number;
  readonly on?: Partial<HedgingEvents>;
}

export interface HedgingEvents {
  /** A second attempt is sent. */
  hedge(event: { readonly call: Call }): void;
  /** A hedged call is over. */
  settled(event: { readonly call: Call; readonly by: HedgeWinner }): void;
  /** The budget has nothing left for a second attempt. */
  unaffordable(event: { readonly call: Call }): void;
}

/** Whose answer the call has got; `none` when both attempts failed or the caller went away. */
export type HedgeWinner = 'first' | 'hedge' | 'none';

/**
 * Sends a read that takes long a second time, and takes the answer that comes first ("The Tail at Scale", Dean and Barroso,
 * 2013). The other attempt is aborted. With a balancer behind it, the second attempt goes to another endpoint as a rule,
 * because the first one is still under way there.
 *
 * An answer is a result or an error that the peer gives on purpose (`answered` in `failureOf`). An attempt that fails
 * otherwise leaves the call to the one that is still under way; before there is a second attempt, such a failure is the
 * call's, for `retry()` around it to judge. Writes pass by untouched, whatever keys they carry.
 */
export function hedging({ budget, afterMs, on }: HedgingOptions): Interceptor {
  return (next) => (call) => {
    if (!call.contract?.reads) return next(call);
    return hedged(next, call);
  };

  function hedged(next: Next, call: Call): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const attempts = new Map<HedgeWinner, AbortController>();
    let sent = 0;

    /** Ends the call; attempts still under way are aborted, and nobody looks at them any more. */
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
