import type { Call } from '../../call.ts';
import { SEND_ALONE } from '../../calling/failure.ts';
import type { Code } from '../../code.ts';
import { RpcError, toRpcError } from '../../rpc-error.ts';
import { fromJsonRpcError, fromPlainAnswer, isRecord } from '../wire-error.ts';
import { answerTooLarge } from './answer-body.ts';
import type { BatchedCall } from './batching.ts';
import type { Reply, ReplyHead } from './requests.ts';

/** The connection that a batch is sent over. */
export interface BatchWire {
  /** @param onItem receives the answers of a reply that arrives in parts or is too large to be read as a whole */
  post(body: () => string, signal: AbortSignal, onItem: (answer: unknown, reply: ReplyHead) => void): Promise<Reply>;
  callAlone(call: Call): Promise<unknown>;
}

/**
 * Sends a batch and settles each of its calls. A call that failed because of the other calls of its batch is sent again alone, at
 * most once.
 *
 * @returns how many calls were sent again
 */
export async function sendBatch(wire: BatchWire, batch: readonly BatchedCall[], signal: AbortSignal): Promise<number> {
  const unanswered = new Map<unknown, BatchedCall>(batch.map((batched) => [batched.id, batched]));
  let resent = 0;
  const resend = (batched: BatchedCall): void => {
    resent += 1;
    batched.resolve(wire.callAlone(batched.call));
  };
  const settle = (answer: unknown, reply: ReplyHead): void => {
    const batched = isRecord(answer) ? unanswered.get(idOf(answer)) : undefined;
    if (!batched) return;
    unanswered.delete(batched.id);
    try {
      batched.resolve(resultOf(answer, reply));
    } catch (error) {
      if (toRpcError(error).reason === SEND_ALONE) resend(batched);
      else batched.reject(error);
    }
  };
  let items = 0;
  const settleItem = (answer: unknown, reply: ReplyHead): void => {
    items += 1;
    if (items > ANSWERS_PER_CALL_MAX * batch.length) throw answerTooLarge();
    settle(answer, reply);
  };
  // Calls whose callers left while the batch waited for a connection are not sent.
  const body = (): string => {
    const present = batch.filter(({ call }) => !call.signal.aborted);
    return `[${present.map((batched) => batched.text()).join(',')}]`;
  };
  const failure = await wire
    .post(body, signal, settleItem)
    .then((reply) => {
      if (!Array.isArray(reply.value)) return failureOfReply(reply);
      for (const answer of reply.value) settle(answer, reply);
      // An error captures the stack, which takes as long as several calls.
      return unanswered.size > 0 ? { error: leftUnanswered(), isOfBatch: true } : undefined;
    })
    .catch((error) => ({ error: toRpcError(error), isOfBatch: true }));
  if (!failure) return resent;
  for (const batched of unanswered.values()) {
    if (failure.isOfBatch && mayResendAlone(batched.call, failure.error)) resend(batched);
    else batched.reject(failure.error);
  }
  return resent;
}

/** A list of a million answers costs a second to parse; twice as many answers as calls are a mistake of the peer already. */
const ANSWERS_PER_CALL_MAX = 2;

interface BatchFailure {
  readonly error: RpcError;
  /** The batch failed as a whole, which says nothing about its calls. */
  readonly isOfBatch: boolean;
}

/** The failure of the calls that are still unanswered after a reply that is not a whole list. */
function failureOfReply(reply: Reply): BatchFailure {
  if (reply.hasSkippedItems) return { error: answerTooLarge(), isOfBatch: false };
  if (reply.isSplit) return { error: leftUnanswered(), isOfBatch: true };
  try {
    resultOf(reply.value, reply);
    return { error: fromPlainAnswer(reply.status, undefined, reply.retryAfterMs), isOfBatch: true };
  } catch (error) {
    return { error: toRpcError(error), isOfBatch: true };
  }
}

/** Some servers return the id as text. A call that is sent alone accepts its answer whatever the id. */
function idOf({ id }: Record<string, unknown>): unknown {
  return typeof id === 'string' ? Number(id) : id;
}

/** A peer that omits answers, or sends them under other ids, may not support batches. */
function leftUnanswered(): RpcError {
  return new RpcError('internal', 'The peer left the call without an answer');
}

/** A refusal with these codes proves that the peer executed nothing: it refuses batches, one of their calls, or their size. */
const NOT_EXECUTED: ReadonlySet<Code> = new Set([
  'parse_error',
  'invalid_request',
  'method_not_found',
  'unimplemented',
  'unauthenticated',
  'permission_denied',
] as const);

/** After `internal`, a write may have been executed, but a read may be sent again: another call of the batch may have caused it. */
function mayResendAlone({ contract }: Call, { code }: RpcError): boolean {
  return NOT_EXECUTED.has(code) || (code === 'internal' && contract?.reads === true);
}

/** @throws {RpcError} the answer's error */
export function resultOf(answer: unknown, { status, retryAfterMs }: ReplyHead): unknown {
  if (!isRecord(answer) || answer.jsonrpc !== '2.0') throw fromPlainAnswer(status, answer, retryAfterMs);
  // Servers that descend from JSON-RPC 1.0 send `"error": null` beside a result.
  if (answer.error !== undefined && answer.error !== null) throw fromJsonRpcError(answer.error, retryAfterMs);
  return answer.result;
}
