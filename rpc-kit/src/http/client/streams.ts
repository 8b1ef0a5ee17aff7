import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import { abortReason, onAbort } from '../../deadline.ts';
import { EVENT_STREAM } from '../event-text.ts';
import { AnswerBody, type AnswerLimits } from './answer-body.ts';
import { createConnector } from './connector.ts';
import { EventReader, type SentEvent } from './event-reader.ts';
import { createPool, type ExchangeOptions, headOf, toRpcFailure } from './exchange.ts';
import type { ReadStream, ReplyHead, StreamRequest } from './requests.ts';
import { boundStreams, brokeOff, isStream, noStream, passEvent } from './stream-answer.ts';
import { refuseTlsRefusal } from './tls-failure.ts';

/** Reads streams from one peer. Each has a connection, so they have a pool of their own: calls do not wait for them. */
export interface Streams extends AsyncDisposable {
  readonly read: ReadStream;
}

export function createStreams(origin: string, { connections, tls, ...limits }: ExchangeOptions): Streams {
  const connector = createConnector({ tls });
  const pool = createPool(origin, connector, connections);
  return {
    read: boundStreams(connections, async (request) => {
      try {
        await new Reading(pool, request, limits).done;
      } catch (error) {
        throw toRpcFailure(error, request.peer, request.signal, connector);
      }
    }),
    async [Symbol.asyncDispose]() {
      await pool.destroy();
    },
  };
}

/** One stream. While an item waits for the caller, nothing is read from the connection: what is in memory is one chunk of it. */
class Reading implements Dispatcher.DispatchHandler {
  readonly #request: StreamRequest;
  readonly #limits: AnswerLimits;
  readonly #settled = Promise.withResolvers<void>();
  readonly #unfollow: () => void;
  readonly #events: EventReader;
  readonly #arrived: SentEvent[] = [];
  /** The body of an answer that is no stream. */
  readonly #body: AnswerBody;
  #controller: Dispatcher.DispatchController | undefined;
  #head: ReplyHead = { status: 0, retryAfterMs: undefined };
  #isStream = false;
  #isEmitting = false;
  #isComplete = false;
  /** It has ended or failed. */
  #isOver = false;

  constructor(pool: Pool, request: StreamRequest, limits: AnswerLimits) {
    this.#request = request;
    this.#limits = limits;
    this.#body = new AnswerBody(limits, undefined);
    this.#events = new EventReader(limits.answerBytesMax, (event) => this.#arrived.push(event));
    const { path, headers, signal, body } = request;
    this.#unfollow = onAbort(signal, () => this.#fail(abortReason(signal)));
    try {
      if (signal.aborted) throw abortReason(signal);
      pool.dispatch({ method: 'POST', path, headers: { ...headers, accept: EVENT_STREAM }, body: body() }, this);
    } catch (error) {
      this.#fail(error);
    }
  }

  get done(): Promise<void> {
    return this.#settled.promise;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Nothing has been sent yet, and the exception keeps the connection open for the next request.
    if (this.#request.signal.aborted) throw abortReason(this.#request.signal);
    this.#controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#head = headOf(status, headers);
    this.#isStream = isStream(status, headers['content-type']);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#isStream) {
      this.#body.add(chunk);
      return;
    }
    if (this.#isOver) throw new Error('Nothing may follow the end of a stream');
    this.#events.add(chunk);
    if (this.#arrived.length === 0 || this.#isEmitting) return;
    controller.pause();
    void this.#emit(controller);
  }

  onResponseEnd(): void {
    this.#isComplete = true;
    if (!this.#isEmitting) this.#conclude();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#fail(error);
  }

  async #emit(controller: Dispatcher.DispatchController): Promise<void> {
    this.#isEmitting = true;
    try {
      for (let event = this.#arrived.shift(); event && !this.#isOver; event = this.#arrived.shift()) {
        const passed = passEvent(event, this.#request.emit, this.#limits);
        if (passed === 'ended') this.#succeed();
        else await passed;
      }
      this.#isEmitting = false;
      if (this.#isComplete) this.#conclude();
      else controller.resume();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The answer is complete: one that is a stream should have said by now how it ends. */
  #conclude(): void {
    const { peer } = this.#request;
    const { status } = this.#head;
    if (this.#isStream) this.#fail(brokeOff(peer));
    else if (status === 204) this.#succeed();
    else {
      try {
        const value = this.#body.value(status);
        refuseTlsRefusal(status, value, peer);
        throw noStream(value, this.#head);
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  #succeed(): void {
    this.#isOver = true;
    this.#unfollow();
    this.#settled.resolve();
  }

  /** After the end, it only closes the connection. */
  #fail(error: unknown): void {
    this.#isOver = true;
    this.#unfollow();
    this.#settled.reject(error);
    if (!this.#isComplete) this.#controller?.abort(error as Error);
  }
}
