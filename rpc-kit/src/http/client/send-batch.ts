import type { Call } from '../../call.ts';
import type { BatchedCall } from '../../calling/batching.ts';
import { SEND_ALONE } from '../../calling/failure.ts';
import type { Code } from '../../code.ts';
import { type RpcError, toRpcError } from '../../rpc-error.ts';
import { fromJsonRpcError, fromPlainAnswer, isRecord } from '../wire-error.ts';
import { answerTooLarge, type Reply, type ReplyHead } from './exchange.ts';

/** What a batch is sent over. */
export interface BatchWire {
  /** @param onItem takes the answers of a reply that is too large to be read as a whole */
  post(body: () => string, signal: AbortSignal, onItem: (answer: unknown, reply: ReplyHead) => void): Promise<Reply>;
  callAlone(call: Call): Promise<unknown>;
}

/**
 * Sends a batch and settles each of its calls. A call that failed because of the other calls of its batch is sent again, once and
 * alone: with its batch, a call costs at most one request more than without.
 *
 * @returns how many calls were sent again
 */
export async function sendBatch(wire: BatchWire, batch: readonly BatchedCall[], signal: AbortSignal): Promise<number> {
  const unanswered = new Map<unknown, BatchedCall>(batch.map((batched) => [batched.id, batched]));
  let repeats = 0;
  const repeat = ({ call, resolve }: BatchedCall): void => {
    repeats += 1;
    resolve(wire.callAlone(call));
  };
  const settle = (answer: unknown, reply: ReplyHead): void => {
    const batched = isRecord(answer) ? unanswered.get(answer.id) : undefined;
    if (!batched) return;
    unanswered.delete(batched.id);
    try {
      batched.resolve(resultOf(answer, reply));
    } catch (error) {
      if (toRpcError(error).reason === SEND_ALONE) repeat(batched);
      else batched.reject(error);
    }
  };
  // Callers that have left while the batch waited for a connection are not worth the peer's work.
  const body = (): string => {
    const present = batch.filter(({ call }) => !call.signal.aborted);
    return `[${present.map(({ text }) => text()).join(',')}]`;
  };
  const failure = await wire
    .post(body, signal, settle)
    .then((reply) => {
      if (!Array.isArray(reply.value)) return failureOfReply(reply);
      for (const answer of reply.value) settle(answer, reply);
      return { error: fromPlainAnswer(reply.status, undefined, reply.retryAfterMs), isOfBatch: false };
    })
    .catch((error) => ({ error: toRpcError(error), isOfBatch: true }));
  for (const batched of unanswered.values()) {
    if (failure.isOfBatch && mayRepeatAlone(batched.call, failure.error)) repeat(batched);
    else batched.reject(failure.error);
  }
  return repeats;
}

interface BatchFailure {
  readonly error: RpcError;
  /** The batch failed as a whole, which says nothing of its single calls. */
  readonly isOfBatch: boolean;
}

/** The failure of the calls that a reply other than a whole list leaves unanswered. */
function failureOfReply(reply: Reply): BatchFailure {
  if (reply.isSplit) {
    const error = reply.hasSkippedItems
      ? answerTooLarge()
      : fromPlainAnswer(reply.status, undefined, reply.retryAfterMs);
    return { error, isOfBatch: false };
  }
  try {
    resultOf(reply.value, reply);
    return { error: fromPlainAnswer(reply.status, undefined, reply.retryAfterMs), isOfBatch: true };
  } catch (error) {
    return { error: toRpcError(error), isOfBatch: true };
  }
}

/** A refusal of these codes means that the peer has executed nothing. It may refuse batches, or one call in them, or their size. */
const NOT_EXECUTED: ReadonlySet<Code> = new Set([
  'parse_error',
  'invalid_request',
  'method_not_found',
  'unimplemented',
  'unauthenticated',
  'permission_denied',
] as const);

/** After `internal` a write may have been executed; the peer may have failed for its neighbours, or for the size of all answers. */
function mayRepeatAlone({ contract }: Call, { code }: RpcError): boolean {
  return NOT_EXECUTED.has(code) || (code === 'internal' && contract?.reads === true);
}

/** @throws {RpcError} the answer's error */
export function resultOf(answer: unknown, { status, retryAfterMs }: ReplyHead): unknown {
  if (!isRecord(answer) || answer.jsonrpc !== '2.0') throw fromPlainAnswer(status, answer, retryAfterMs);
  // Servers that came from JSON-RPC 1.0 send the member null beside a result.
  if (answer.error !== undefined && answer.error !== null) throw fromJsonRpcError(answer.error, retryAfterMs);
  return answer.result;
}
