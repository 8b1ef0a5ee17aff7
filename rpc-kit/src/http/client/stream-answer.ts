import type { Emit } from '../../call.ts';
import { onAbort } from '../../deadline.ts';
import { RpcError } from '../../rpc-error.ts';
import { END_EVENT, ERROR_EVENT, EVENT_STREAM } from '../event-text.ts';
import { fromPlainAnswer } from '../wire-error.ts';
import { type AnswerLimits, answerTooLarge, parseAnswer } from './answer-body.ts';
import type { SentEvent } from './event-reader.ts';
import type { ReadStream, ReplyHead, StreamRequest } from './requests.ts';

/** What an answer to a call of a stream means, whatever carries it. */

export function isStream(status: number, contentType: string | null | undefined): boolean {
  return status === 200 && contentType?.split(';')[0]?.trim().toLowerCase() === EVENT_STREAM;
}

/**
 * Passes an event on to the receiver.
 * @returns `ended` for the end of the stream; else a promise when the receiver has to take an item first
 * @throws {RpcError} the error that the event holds
 */
export function passEvent(
  { name, data }: SentEvent,
  emit: Emit,
  limits: AnswerLimits,
): 'ended' | Promise<void> | undefined {
  if (name === END_EVENT) return 'ended';
  // Names of other events are for other readers.
  if (name !== ERROR_EVENT && name !== '' && name !== 'message') return undefined;
  const value = parseAnswer(data, limits);
  if (value === undefined) throw answerTooLarge();
  if (name === ERROR_EVENT) throw fromPlainAnswer(200, value, undefined);
  return emit(value);
}

/** A stream says how it ends. */
export function brokeOff(peer: string): RpcError {
  return new RpcError('unavailable', `The stream of ${peer} broke off`);
}

/** The error of an answer that is no stream. */
export function noStream(value: unknown, { status, retryAfterMs }: ReplyHead): RpcError {
  if (status >= 300) return fromPlainAnswer(status, value, retryAfterMs);
  return new RpcError('internal', 'The peer answered something that is no stream of events');
}

/** Refuses further streams while as many are open. One that its caller leaves counts no longer, although its end takes some steps. */
export function boundStreams(streamsMax: number, read: ReadStream): ReadStream {
  const open = new Set<StreamRequest>();
  return async (request) => {
    if (open.size >= streamsMax) {
      const message = `This client has ${streamsMax} streams of ${request.peer} open: close one first`;
      throw new RpcError('resource_exhausted', message);
    }
    open.add(request);
    const unfollow = onAbort(request.signal, () => open.delete(request));
    try {
      await read(request);
    } finally {
      unfollow();
      open.delete(request);
    }
  };
}
