import { type IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { BodyReader } from './carried.ts';

/**
 * A request as node:http parses it, without two parts that cost as much as all the rest of a small call: an object of all headers, and
 * a stream around the body.
 */
export class Request extends IncomingMessage {
  /** Marks a stream as ended and closed. Undocumented: https://github.com/nodejs/node/blob/v26.x/lib/_http_incoming.js */
  declare readonly _dumpAndCloseReadable?: () => void;
  #headers: IncomingHttpHeaders | undefined;
  #reader: BodyReader | undefined;
  #kept: readonly Buffer[] | undefined;

  /** Only the headers that this server reads, unless one of them is repeated. */
  // @ts-expect-error: node:http has an accessor too, and its types a property.
  override get headers(): IncomingHttpHeaders {
    this.#headers ??= readHeaders(this.rawHeaders) ?? Reflect.get(IncomingMessage.prototype, 'headers', this);
    return this.#headers;
  }

  /** Passes on each part of the body by a direct call, once. */
  readBody(reader: BodyReader): void {
    if (this.#kept) {
      this.#readKept(this.#kept, reader);
      return;
    }
    // A request that waited for others has its body in the stream already.
    if (!this.complete && this.readableLength === 0 && this._dumpAndCloseReadable) {
      this.#reader = reader;
      return;
    }
    this.#reader = undefined;
    this.on('data', (part: Buffer) => reader.onPart(part));
    this.once('end', () => reader.onEnd());
  }

  /** Its first reader has read the whole body, and leaves it to the next one. */
  keepBody(parts: readonly Buffer[]): void {
    this.#kept = parts;
  }

  #readKept(parts: readonly Buffer[], reader: BodyReader): void {
    this.#kept = undefined;
    this.#reader = reader;
    for (const part of parts) if (this.#reader) reader.onPart(part);
    if (this.#reader) reader.onEnd();
  }

  /** The rest of the body stays in the stream. */
  stopReading(): void {
    this.#reader = undefined;
    this.removeAllListeners('data').removeAllListeners('end').pause();
  }

  /** node:http pushes the parts of a body, and null as its end, into the request as into any stream. */
  override push(part: Buffer | null, encoding?: BufferEncoding): boolean {
    const reader = this.#reader;
    if (!reader) return super.push(part, encoding);
    if (part === null) {
      this._dumpAndCloseReadable?.();
      reader.onEnd();
    } else reader.onPart(part);
    return true;
  }
}

/** `te` is read by node:http. */
const NAMES = [
  ...['host', 'expect', 'te', 'content-type', 'content-length', 'content-encoding', 'transfer-encoding'],
  ...['accept', 'origin', 'sec-fetch-site', 'sec-fetch-mode', 'sec-fetch-dest', 'authorization', 'user-agent'],
  ...['x-request-id', 'x-deadline-ms', 'traceparent', 'tracestate', 'baggage', 'idempotency-key', 'x-batch-answers'],
];
const namesByLength = Map.groupBy(NAMES, ({ length }) => length);
const NAMES_BY_LENGTH = Array.from({ length: Math.max(...namesByLength.keys()) + 1 }, (_, length) =>
  namesByLength.get(length),
);
/** All objects of headers have the same members, which the engine reads fastest. */
const NO_HEADERS: IncomingHttpHeaders = Object.fromEntries(NAMES.map((name) => [name, undefined]));

/** @returns `undefined` when a header is repeated: node:http joins some of them and drops others */
export function readHeaders(rawHeaders: readonly string[]): IncomingHttpHeaders | undefined {
  const headers = { ...NO_HEADERS };
  // Names and values alternate.
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = toKnownName(rawHeaders[index] as string);
    if (name === undefined) continue;
    if (headers[name] !== undefined) return undefined;
    headers[name] = rawHeaders[index + 1];
  }
  return headers;
}

function toKnownName(raw: string): string | undefined {
  const names = NAMES_BY_LENGTH[raw.length];
  return names && (find(names, raw) ?? find(names, raw.toLowerCase()));
}

function find(names: readonly string[], wanted: string): string | undefined {
  for (const name of names) if (name === wanted) return name;
  return undefined;
}
