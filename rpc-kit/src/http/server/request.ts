import { type IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** A request as node:http parses it, without an object of all headers, which costs as much as the parsing of a small body. */
export class Request extends IncomingMessage {
  #headers: IncomingHttpHeaders | undefined;

  /** Only the headers that this server reads, unless one of them is repeated. */
  // @ts-expect-error: node:http has an accessor too, and its types a property.
  override get headers(): IncomingHttpHeaders {
    this.#headers ??= readHeaders(this.rawHeaders) ?? Reflect.get(IncomingMessage.prototype, 'headers', this);
    return this.#headers;
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
function readHeaders(rawHeaders: readonly string[]): IncomingHttpHeaders | undefined {
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
