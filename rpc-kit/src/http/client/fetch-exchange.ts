import { abortReason, onAbort } from '../../deadline.ts';
import { EVENT_STREAM } from '../event-text.ts';
import { AnswerBody, type AnswerLimits } from './answer-body.ts';
import { EventReader, type SentEvent } from './event-reader.ts';
import { type FetchPeer, readChunks, sendByFetch, toFetchFailure } from './fetch.ts';
import type { Exchange, ReadStream } from './requests.ts';
import { brokeOff, isStream, noStream, passEvent } from './stream-answer.ts';
import { Turns } from './turns.ts';

/** Deadlines of calls are shorter. It bounds the silence of a stream, which has several heartbeats in it. */
const SILENCE_MAX_MS = 60_000;

/** Sends requests to one peer by fetch, at most `requestsMax` at a time. */
export function createFetchExchange(peer: FetchPeer, limits: AnswerLimits, requestsMax: number): Exchange {
  const turns = new Turns(requestsMax);
  return {
    async post(request) {
      const { signal, onItem } = request;
      await waitForTurn(turns, signal);
      try {
        const { head, response } = await sendByFetch(peer, request);
        const body = new AnswerBody(limits, onItem && ((item) => onItem(item, head)));
        body.isInParts = response.headers.get('content-length') === null;
        try {
          await readChunks(response, signal, SILENCE_MAX_MS, (chunk) => body.add(chunk));
        } catch (error) {
          if (!signal.aborted) body.salvage();
          throw error;
        }
        const value = body.value(head.status);
        const { splitter } = body;
        return { ...head, value, isSplit: splitter !== undefined, hasSkippedItems: splitter?.hasSkipped ?? false };
      } catch (error) {
        throw toFetchFailure(error, request);
      } finally {
        turns.end();
      }
    },
  };
}

function waitForTurn(turns: Turns, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const begin = (): void => {
      unfollow();
      resolve();
    };
    const unfollow = onAbort(signal, () => {
      if (turns.leave(begin)) reject(abortReason(signal));
    });
    turns.enter(begin);
  });
}

/** While an item waits for the caller, nothing is read from the connection: what is in memory is one chunk of it. */
export function createFetchStreams(peer: FetchPeer, limits: AnswerLimits): ReadStream {
  return async (request) => {
    try {
      const headers = { ...request.headers, accept: EVENT_STREAM };
      const { head, response } = await sendByFetch(peer, { ...request, headers });
      if (!isStream(head.status, response.headers.get('content-type'))) {
        const body = new AnswerBody(limits, undefined);
        await readChunks(response, request.signal, SILENCE_MAX_MS, (chunk) => body.add(chunk));
        if (head.status === 204) return;
        throw noStream(body.value(head.status), head);
      }
      let hasEnded = false;
      const arrived: SentEvent[] = [];
      const events = new EventReader(limits.answerBytesMax, (event) => arrived.push(event));
      await readChunks(response, request.signal, SILENCE_MAX_MS, async (chunk) => {
        events.add(chunk);
        for (let event = arrived.shift(); event && !hasEnded; event = arrived.shift()) {
          const passed = passEvent(event, request.emit, limits);
          if (passed === 'ended') hasEnded = true;
          else await passed;
        }
        return hasEnded;
      });
      if (!hasEnded) throw brokeOff(request.peer);
    } catch (error) {
      throw toFetchFailure(error, request);
    }
  };
}
