import { EventEmitter } from 'node:events';
import type { CarriedResponse } from './carried.ts';

/** What waits for a slow reader at most, besides one item; node:http's sockets hold as much. */
const BUFFERED_BYTES_MAX = 16 * 1024;

const utf8 = new TextEncoder();

/** The answer to a Request. It becomes a Response with its first part: one text, or a stream that its reader paces. */
export class FetchResponse extends EventEmitter<{ drain: []; close: [] }> implements CarriedResponse {
  headersSent = false;
  destroyed = false;
  statusCode = 200;
  writableNeedDrain = false;
  readonly #received = Promise.withResolvers<Response>();
  #headers: Headers | undefined;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;

  get received(): Promise<Response> {
    return this.#received.promise;
  }

  /** @throws {TypeError} for a header that no answer can carry */
  writeHead(status: number, headers: Record<string, string> | string[]): void {
    this.#headers = Array.isArray(headers) ? fromList(headers) : new Headers(headers);
    this.statusCode = status;
    this.headersSent = true;
  }

  write(text: string): boolean {
    const stream = this.#stream ?? this.#open();
    stream.enqueue(utf8.encode(text));
    this.writableNeedDrain = (stream.desiredSize ?? 0) <= 0;
    return !this.writableNeedDrain;
  }

  end(text: string, _encoding: 'latin1' | 'utf8', onFinish?: () => void): void {
    if (this.#stream) {
      if (text !== '') this.#stream.enqueue(utf8.encode(text));
      this.#stream.close();
    } else this.#respond(text === '' ? null : text);
    onFinish?.();
    this.#close();
  }

  /** Its reader sees a broken answer. */
  destroy(): void {
    if (this.destroyed) return;
    const broken = new Error('The answer was not sent whole');
    this.#stream?.error(broken);
    this.#received.reject(broken);
    this.#close();
  }

  #open(): ReadableStreamDefaultController<Uint8Array> {
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#stream = controller;
        },
        pull: () => {
          this.writableNeedDrain = false;
          this.emit('drain');
        },
        cancel: () => this.#close(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BUFFERED_BYTES_MAX }),
    );
    this.#respond(stream);
    return this.#stream as ReadableStreamDefaultController<Uint8Array>;
  }

  #respond(body: string | ReadableStream<Uint8Array> | null): void {
    this.#received.resolve(new Response(body, { status: this.statusCode, headers: this.#headers }));
  }

  #close(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

/** Names and values alternate. */
function fromList(list: readonly string[]): Headers {
  const headers = new Headers();
  for (let index = 0; index < list.length; index += 2) headers.append(list[index] as string, list[index + 1] as string);
  return headers;
}
