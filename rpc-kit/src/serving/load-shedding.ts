import type { Call, Interceptor } from '../call.ts';
import { OVERLOADED } from '../calling/failure.ts';
import { RpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';
import type { ConcurrencyLimit, Priority } from './concurrency-limit.ts';

export interface LoadSheddingEvents {
  /** A call was turned away. */
  shed(event: { readonly call: Call; readonly priority: Priority; readonly limit: ConcurrencyLimit }): void;
}

/** Long enough for the calls under way to end, short enough that nobody gives up. */
const RETRY_AFTER_MS = 1_000;

/**
 * Turns calls away that find no place, at once and before any work: `unavailable` with the reason `overloaded` and
 * Retry-After, which clients read as push-back: it is no failure of the service, and nothing has happened there. Who is
 * refused goes by the priority of the contract ("Handling Overload", https://sre.google/sre-book/handling-overload/).
 *
 * @param limit `fixedLimit` or `adaptiveLimit`; the same one is handed to `serveHttp` as `admission`, which then refuses before
 * a body is read
 */
export function shedLoad(limit: ConcurrencyLimit, on: Partial<LoadSheddingEvents> = {}): Interceptor {
  return (next) => async (call) => {
    const priority = priorityOf(call);
    const place = limit.tryAcquire(priority, call.method);
    if (!place) {
      notify(on.shed, { call, priority, limit });
      throw overloaded();
    }
    let succeeded = false;
    try {
      const result = await next(call);
      succeeded = true;
      return result;
    } finally {
      place.leave(succeeded && !call.contract?.waits);
    }
  };
}

export function overloaded(): RpcError {
  const message = 'The service has too much to do right now';
  return new RpcError('unavailable', message, { reason: OVERLOADED, retryAfterMs: RETRY_AFTER_MS });
}

export function priorityOf({ contract }: Pick<Call, 'contract'>): Priority {
  return contract?.priority ?? 'normal';
}
