import type { Call, Interceptor } from '../call.ts';
import { OVERLOADED } from '../calling/failure.ts';
import { RpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';
import type { ConcurrencyLimit, Priority } from './concurrency-limit.ts';

export interface LoadSheddingEvents {
  /** A call was refused. */
  shed(event: { readonly call: Call; readonly priority: Priority; readonly limit: ConcurrencyLimit }): void;
}

/** Long enough for the calls in flight to end, short enough that callers do not give up. */
const RETRY_AFTER_MS = 1_000;

/**
 * Refuses calls that find no free slot, before any work: `unavailable` with the reason `overloaded` and Retry-After. Clients treat
 * it as push-back: the call had no effect, and the service has not failed. The contract's priority decides which calls are refused
 * first ("Handling Overload", https://sre.google/sre-book/handling-overload/).
 *
 * @param limit `fixedLimit` or `adaptiveLimit`. Pass the same limit to `serveHttp` as `admission`, to refuse before a body is read.
 */
export function shedLoad(limit: ConcurrencyLimit, on: Partial<LoadSheddingEvents> = {}): Interceptor {
  return (next) => async (call) => {
    const priority = priorityOf(call);
    const slot = limit.tryAcquire(priority, call.method);
    if (!slot) {
      notify(on.shed, { call, priority, limit });
      throw overloaded();
    }
    let succeeded = false;
    try {
      const result = await next(call);
      succeeded = true;
      return result;
    } finally {
      slot.release(succeeded && !call.contract?.waits);
    }
  };
}

export function overloaded(): RpcError {
  const message = 'The service is overloaded; the call had no effect';
  return new RpcError('unavailable', message, { reason: OVERLOADED, retryAfterMs: RETRY_AFTER_MS });
}

export function priorityOf({ contract }: Pick<Call, 'contract'>): Priority {
  return contract?.priority ?? 'normal';
}
