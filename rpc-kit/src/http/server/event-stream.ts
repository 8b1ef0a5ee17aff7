import type { Emit } from '../../call.ts';
import { RpcError } from '../../rpc-error.ts';
import { isRawNumber } from '../../schema/json.ts';
import { END_EVENT, ERROR_EVENT, EVENT_STREAM, eventText, HEARTBEAT, lastEventText } from '../event-text.ts';
import { AnswerTooLarge } from './answer.ts';
import type { CarriedResponse } from './carried.ts';
import type { HttpLimits } from './limits.ts';
import { callerLeft } from './pending-answer.ts';

export interface EventStreamOptions {
  readonly limits: Pick<HttpLimits, 'answerBytesMax' | 'heartbeatMs' | 'readerTimeoutMs'>;
  readonly headers: ReadonlyMap<string, string>;
  /** The member of an item that is its event's id. */
  readonly id: string | undefined;
  /** Sends the last bytes of the answer. */
  readonly finish: (text: string) => void;
}

/** The answer to a call that gives a stream: an event for each item. Dispose it at the end of the call. */
export class EventStream implements Disposable {
  readonly #response: CarriedResponse;
  readonly #options: EventStreamOptions;
  readonly #heartbeat: NodeJS.Timeout;
  #readerTimeout: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(response: CarriedResponse, options: EventStreamOptions) {
    this.#response = response;
    this.#options = options;
    this.#heartbeat = setInterval(() => this.#beat(), options.limits.heartbeatMs);
  }

  /** Until then, an error or an end can still be answered in another form. */
  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  /** Resolves when there is room for the next item: no more than one waits behind the bytes that the socket holds. */
  readonly emit: Emit = async (item) => {
    // A handler that does not heed its signal gives items after the answer has ended; to write them would end the process.
    if (this.#isOver || this.#response.destroyed) throw callerLeft();
    const text = eventText(item, idOf(item, this.#options.id));
    const { answerBytesMax } = this.#options.limits;
    if (Buffer.byteLength(text) > answerBytesMax) throw new AnswerTooLarge(answerBytesMax);
    this.#heartbeat.refresh();
    if (!this.#write(text)) await this.#drained();
  };

  end(): void {
    this.#finish(lastEventText(END_EVENT, {}));
  }

  /** @param body as that of an answer that is an error */
  fail(body: unknown, retryAfterMs: number | undefined): void {
    this.#finish(lastEventText(ERROR_EVENT, body, retryAfterMs));
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#readerTimeout);
  }

  #finish(text: string): void {
    if (this.#response.destroyed) return;
    if (!this.hasBegun) this.#begin();
    if (this.#response.writableNeedDrain) dropLater(this.#response);
    this.#options.finish(text);
  }

  #begin(): void {
    const headers = {
      ...Object.fromEntries(this.#options.headers),
      'content-type': EVENT_STREAM,
      // `no-transform`: a host or proxy that compresses would keep events until a block of them is full.
      'cache-control': 'no-store, no-transform',
      // nginx would keep events until it has a buffer full of them.
      'x-accel-buffering': 'no',
    };
    this.#response.writeHead(200, headers);
  }

  #write(text: string): boolean {
    if (!this.hasBegun) this.#begin();
    return this.#response.write(text);
  }

  /** Never settles when the connection closes: then the call is cancelled. */
  #drained(): Promise<void> {
    this.#readerTimeout ??= setTimeout(() => this.#response.destroy(), this.#options.limits.readerTimeoutMs);
    return new Promise((resolve) => {
      this.#response.once('drain', () => {
        clearTimeout(this.#readerTimeout);
        this.#readerTimeout = undefined;
        resolve();
      });
    });
  }

  /** A reader that does not even take the items needs no heartbeat. */
  #beat(): void {
    const { destroyed, writableNeedDrain } = this.#response;
    if (!destroyed && !writableNeedDrain && !this.#write(HEARTBEAT)) void this.#drained();
  }
}

/** For how long the last event may wait for a reader that has not taken the items before it: a stop waits for it, too. */
const LAST_EVENT_MS = 1_000;

function dropLater(response: CarriedResponse): void {
  const timeout = setTimeout(() => response.destroy(), LAST_EVENT_MS);
  response.once('close', () => clearTimeout(timeout));
}

/** They would end the line. */
const LINE_BREAKS = /[\0\r\n]/;

function idOf(item: unknown, member: string | undefined): string | undefined {
  if (member === undefined) return undefined;
  const value = (item as Record<string, unknown>)[member];
  const id = isRawNumber(value) ? value.rawJSON : String(value);
  if (!LINE_BREAKS.test(id)) return id;
  throw new RpcError('internal', 'Internal error', { cause: new TypeError('The id of an item has a line break') });
}
