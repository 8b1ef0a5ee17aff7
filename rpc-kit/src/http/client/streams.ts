import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import type { Emit } from '../../call.ts';
import { abortReason, onAbort } from '../../deadline.ts';
import { RpcError } from '../../rpc-error.ts';
import { END_EVENT, ERROR_EVENT, EVENT_STREAM } from '../event-text.ts';
import { fromPlainAnswer } from '../wire-error.ts';
import { AnswerBody, type AnswerLimits, answerTooLarge, parseAnswer } from './answer-body.ts';
import { createConnector } from './connector.ts';
import { EventReader, type SentEvent } from './event-reader.ts';
import {
  createPool,
  type ExchangeOptions,
  type ExchangeRequest,
  headOf,
  type ReplyHead,
  toRpcFailure,
} from './exchange.ts';
import { refuseTlsRefusal } from './tls-failure.ts';

export interface StreamRequest extends Omit<ExchangeRequest, 'onItem'> {
  readonly emit: Emit;
}

/** Reads streams from one peer. Each has a connection, so they have a pool of their own: calls do not wait for them. */
export interface Streams extends AsyncDisposable {
  /** Resolves when the stream has ended. Every failure is an RpcError. */
  read(request: StreamRequest): Promise<void>;
}

export function createStreams(origin: string, { connections, tls, ...limits }: ExchangeOptions): Streams {
  const connector = createConnector({ tls });
  const pool = createPool(origin, connector, connections);
  let open = 0;
  return {
    async read(request) {
      if (open >= connections) throw tooMany(request.peer, connections);
      open += 1;
      try {
        await new Reading(pool, request, limits).done;
      } catch (error) {
        throw toRpcFailure(error, request.peer, request.signal, connector);
      } finally {
        open -= 1;
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.destroy();
    },
  };
}

function tooMany(peer: string, max: number): RpcError {
  return new RpcError('resource_exhausted', `This client has ${max} streams of ${peer} open: close one first`);
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
    this.#isStream = status === 200 && String(headers['content-type']).startsWith(EVENT_STREAM);
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
        if (event.name === END_EVENT) this.#succeed();
        else if (event.name === ERROR_EVENT)
          this.#fail(fromPlainAnswer(this.#head.status, this.#parse(event), undefined));
        else if (event.name === '' || event.name === 'message') await this.#request.emit(this.#parse(event));
      }
      this.#isEmitting = false;
      if (this.#isComplete) this.#conclude();
      else controller.resume();
    } catch (error) {
      this.#fail(error);
    }
  }

  #parse({ data }: SentEvent): unknown {
    const value = parseAnswer(data, this.#limits);
    if (value === undefined) throw answerTooLarge();
    return value;
  }

  /** The answer is complete: one that is a stream should have said by now how it ends. */
  #conclude(): void {
    const { peer } = this.#request;
    const { status, retryAfterMs } = this.#head;
    if (this.#isStream) this.#fail(new RpcError('unavailable', `The stream of ${peer} broke off`));
    else if (status === 204) this.#succeed();
    else {
      try {
        const value = this.#body.value(status);
        refuseTlsRefusal(status, value, peer);
        if (status >= 300) throw fromPlainAnswer(status, value, retryAfterMs);
        throw new RpcError('internal', 'The peer answered something that is no stream of events');
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
