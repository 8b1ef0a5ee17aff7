import type { Call, Interceptor, Next } from '../call.ts';
import { OVERLOADED } from '../calling/failure.ts';
import { RpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';
import type { ConcurrencyLimit, Priority } from './concurrency-limit.ts';

/** What `shedLoad` reports. */
export interface LoadSheddingEvents {
  /** A call was refused. */
  shed(event: { readonly call: Call; readonly priority: Priority; readonly limit: ConcurrencyLimit }): void;
}

/** Long enough for the calls in flight to end, short enough that callers do not give up. */
const RETRY_AFTER_MS = 1_000;

/** Streams open at a time, by all callers. Over HTTP/1.1, each has a connection: half of those that a server accepts stay for calls. */
export const STREAMS_MAX = 1_000;

/** Of calls to methods that do not exist: their refusal costs next to nothing, and they need not wait for it. */
const UNKNOWN_TIMEOUT_MS = 100;

/**
 * Refuses calls that find no free slot, before any work: `unavailable` with the reason `overloaded` and Retry-After. Clients treat
 * it as push-back: the call had no effect, and the service has not failed. The contract's priority decides which calls are refused
 * first ("Handling Overload", https://sre.google/sre-book/handling-overload/).
 *
 * A stream is open for long and mostly waits, so it takes no slot: it is refused while none is free or `STREAMS_MAX` are open.
 *
 * @param limit `fixedLimit` or `adaptiveLimit`. Pass the same limit to `serveHttp` as `admission`, to refuse before a body is read.
 */
export function shedLoad(limit: ConcurrencyLimit, on: Partial<LoadSheddingEvents> = {}): Interceptor {
  let streams = 0;

  async function openStream(next: Next, call: Call): Promise<unknown> {
    const priority = priorityOf(call);
    if (streams >= STREAMS_MAX || !limit.hasRoom(priority)) {
      notify(on.shed, { call, priority, limit });
      throw overloaded();
    }
    streams += 1;
    try {
      return await next(call);
    } finally {
      streams -= 1;
    }
  }

  const takeSlot = (next: Next) => async (call: Call) => {
    const priority = priorityOf(call);
    const { timeoutMs = UNKNOWN_TIMEOUT_MS, waits = false } = call.contract ?? {};
    const slot = limit.tryAcquire(priority, timeoutMs) ?? (await limit.wait?.(priority, timeoutMs, call.signal));
    if (!slot) {
      notify(on.shed, { call, priority, limit });
      throw overloaded();
    }
    let isSample = false;
    const startedAt = performance.now();
    try {
      const result = await next(call);
      isSample = true;
      return result;
    } catch (error) {
      // When all calls run into their timeouts, only they say that the service is too busy. A caller's own deadline may be short.
      isSample = isTimeout(error) && performance.now() - startedAt >= timeoutMs * LATE_SHARE;
      throw error;
    } finally {
      slot.release(isSample && !waits);
    }
  };

  return (next) => {
    const withSlot = takeSlot(next);
    return (call) => (call.emit ? openStream(next, call) : withSlot(call));
  };
}

/** The deadline counts from the arrival, so a call that had to wait has less than its timeout. */
const LATE_SHARE = 0.4;

function isTimeout(error: unknown): boolean {
  return error instanceof RpcError && error.code === 'deadline_exceeded';
}

export function overloaded(): RpcError {
  const message = 'The service is overloaded; the call had no effect';
  return new RpcError('unavailable', message, { reason: OVERLOADED, retryAfterMs: RETRY_AFTER_MS });
}

export function priorityOf({ contract }: Pick<Call, 'contract'>): Priority {
  return contract?.priority ?? 'normal';
}
