import type { Call } from '../call.ts';
import { CODES } from '../code.ts';
import { RpcError } from '../rpc-error.ts';

/**
 * What a failed call says about its peer. The code alone does not tell: `unavailable` may be a broken connection, a server
 * that sheds load, or an outcome that the contract declares.
 *
 * - `not-reached`: the call never got there, e.g. the connection was refused. Nothing happened.
 * - `pushed-back`: the peer lives and wants less: rate limits, load shedding.
 * - `broken`: a timeout, a broken connection, an inner failure. The call may have taken effect.
 * - `answered`: the peer works and says no: business errors, mistakes of the caller.
 * - `withdrawn`: our own side stopped waiting; it says nothing of the peer.
 */
export type Failure = 'not-reached' | 'pushed-back' | 'broken' | 'answered' | 'withdrawn';

/**
 * The reason that a server refuses with before it has begun a call. It is not a contract's: an error of a handler with an
 * undeclared reason leaves a service as `internal`, and a client drops undeclared reasons, so a service cannot pass on
 * another one's. Hence who sees it knows that the call has had no effect, unless a contract declares a reason of that name;
 * `retryAfterMs` alone does not say so.
 */
export const OVERLOADED = 'overloaded';

/**
 * The reason of a server for the call of a batch whose answer has no room beside the others. Like `overloaded` it says that
 * the call has had no effect: the call only reads. The HTTP transport sends such a call again, alone.
 */
export const SEND_ALONE = 'send_alone';

const WITHOUT_EFFECT: ReadonlySet<string | undefined> = new Set([OVERLOADED, SEND_ALONE]);

export function sendAlone(): RpcError {
  const message = 'The answer has no room beside the other answers of the batch: send this call alone';
  return new RpcError('unavailable', message, { reason: SEND_ALONE });
}

/** What the failed call says about its peer. Balancer, circuit breaker and hedging all judge by it. */
export function failureOf(call: Call, error: RpcError): Failure {
  if (error.neverSent) return 'not-reached';
  if (error.code === 'cancelled') return 'withdrawn';
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

/** Whether the contract knows the error: then it is an outcome of the method like any other, whatever its code. */
function isDeclared(call: Call, { reason, code }: RpcError): boolean {
  const errors = call.contract?.errors ?? {};
  return reason !== undefined && Object.hasOwn(errors, reason) && errors[reason]?.code === code;
}

function isPushBack({ code, reason, retryAfterMs }: RpcError): boolean {
  if (code === 'resource_exhausted') return true;
  return code === 'unavailable' && (WITHOUT_EFFECT.has(reason) || retryAfterMs !== undefined);
}
