import type { Call } from '../call.ts';
import { CODES } from '../code.ts';
import { RpcError } from '../rpc-error.ts';

/**
 * What a failed call says about its peer. The code alone is ambiguous: `unavailable` may be a broken connection, a server
 * that sheds load, or an outcome that the contract declares.
 *
 * - `not-reached`: the call was never sent, e.g. the connection was refused. It had no effect.
 * - `pushed-back`: the peer works and asks for less load: rate limits, load shedding.
 * - `broken`: a timeout, a broken connection, an internal failure. The call may have taken effect.
 * - `answered`: the peer works and refuses: business errors, mistakes of the caller.
 * - `withdrawn`: the caller stopped waiting. It says nothing about the peer.
 */
export type Failure = 'not-reached' | 'pushed-back' | 'broken' | 'answered' | 'withdrawn';

/**
 * The reason of a refusal before a call begins: it proves that the call had no effect, which `retryAfterMs` alone does not.
 * No handler can pass it on from another service, because undeclared reasons leave a service as `internal`.
 */
export const OVERLOADED = 'overloaded';

/**
 * The reason for a call of a batch whose answer does not fit beside the others. The call only reads, so it had no effect. The HTTP
 * transport sends such a call again, alone.
 */
export const SEND_ALONE = 'send_alone';

const WITHOUT_EFFECT: ReadonlySet<string | undefined> = new Set([OVERLOADED, SEND_ALONE]);

export function sendAlone(): RpcError {
  const message = 'The answer has no room beside the other answers of the batch: send this call alone';
  return new RpcError('unavailable', message, { reason: SEND_ALONE });
}

/** The one classification that balancer, circuit breaker and hedging share. */
export function failureOf(call: Call, error: RpcError): Failure {
  if (error.neverSent) return 'not-reached';
  // A stream lasts until its deadline unless it has an end of its own.
  if (error.code === 'cancelled' || (call.emit && error.code === 'deadline_exceeded')) return 'withdrawn';
  if (isDeclared(call, error)) return 'answered';
  if (isPushBack(error)) return 'pushed-back';
  return error.code === 'internal' || error.code === 'unavailable' || error.code === 'deadline_exceeded'
    ? 'broken'
    : 'answered';
}

/** Whether the call certainly had no effect, so that even a write without an idempotency key may be sent again. */
export function hadNoEffect(call: Call, error: RpcError): boolean {
  if (error.neverSent) return true;
  return CODES[error.code].retry === 'after-pause' && WITHOUT_EFFECT.has(error.reason) && !isDeclared(call, error);
}

/** An error that the contract declares is an outcome of the method, whatever its code. */
function isDeclared(call: Call, { reason, code }: RpcError): boolean {
  const errors = call.contract?.errors ?? {};
  return reason !== undefined && Object.hasOwn(errors, reason) && errors[reason]?.code === code;
}

function isPushBack({ code, reason, retryAfterMs }: RpcError): boolean {
  if (code === 'resource_exhausted') return true;
  return code === 'unavailable' && (WITHOUT_EFFECT.has(reason) || retryAfterMs !== undefined);
}
