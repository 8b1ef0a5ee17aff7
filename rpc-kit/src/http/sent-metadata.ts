import type { Call } from '../call.ts';
import { RpcError } from '../rpc-error.ts';
import { idempotencyKey } from '../schema/wire-types.ts';
import type { TraceContext } from '../telemetry/trace-context.ts';

/** The `meta` member of one call of a batch. */
export interface CallMeta extends TraceContext {
  readonly requestId?: string | undefined;
  readonly deadlineMs?: number | undefined;
  readonly idempotencyKey?: string | undefined;
}

export type SentMeta = CallMeta & Pick<Call, 'requestId'>;

/** The headers that carry metadata, by field of `meta`. Server and client share this table. */
export const METADATA_HEADERS = {
  requestId: 'x-request-id',
  deadlineMs: 'x-deadline-ms',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  baggage: 'baggage',
  idempotencyKey: 'idempotency-key',
} as const satisfies Record<keyof CallMeta, string>;

/**
 * By this header a client accepts the answers of a batch in any order, each as soon as it is complete, so that a slow call does not
 * delay the others. Without it, the answers are sent together, in the order of their calls.
 */
export const AS_THEY_COME = { name: 'x-batch-answers', value: 'as-they-come' } as const;

/**
 * The metadata of an outgoing call, as `meta` of a batched call.
 * @throws {RpcError} invalid_request for a value that no header can carry, even in a batch: whether a call is sent alone depends on
 *   chance
 */
export function callMetaOf(call: Call): SentMeta {
  const remainingMs = call.deadlineAt - performance.now();
  return {
    requestId: carriable(call.requestId),
    deadlineMs: Number.isFinite(remainingMs) ? Math.max(0, Math.floor(remainingMs)) : undefined,
    traceparent: carriable(call.traceparent),
    tracestate: carriable(call.tracestate),
    baggage: carriable(call.baggage),
    idempotencyKey: carriable(call.caller.idempotencyKey, isIdempotencyKey),
  };
}

/** `meta` as JSON text, in a quarter of the time of JSON.stringify. */
export function toMetaText(meta: SentMeta): string {
  const { requestId, deadlineMs, traceparent, tracestate, baggage, idempotencyKey } = meta;
  const deadline = deadlineMs === undefined ? '' : `,"deadlineMs":${deadlineMs}`;
  const trace = `${member('traceparent', traceparent)}${member('tracestate', tracestate)}${member('baggage', baggage)}`;
  return `{"requestId":${quoted(requestId)}${deadline}${trace}${member('idempotencyKey', idempotencyKey)}}`;
}

function member(name: keyof CallMeta, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${quoted(value)}`;
}

/** Printable ASCII that JSON writes as it is. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return PLAIN_TEXT.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** Visible characters, spaces and tabs of ISO-8859-1 (RFC 9110, section 5.5). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export const isFieldValue = (value: string): boolean => FIELD_VALUE.test(value);
const isIdempotencyKey = (value: string): boolean => idempotencyKey.safeParse(value).success;

/** @throws {RpcError} invalid_request for a value that no header can carry */
export function carriable<T extends string | undefined>(value: T, isCarriable = isFieldValue): T {
  if (value === undefined || isCarriable(value)) return value;
  throw new RpcError('invalid_request', 'A header cannot carry the metadata of the call');
}

/** The metadata as headers, added to the given ones, for a call that is sent alone. */
export function headersOf(call: Call, others: Readonly<Record<string, string>>): Record<string, string> {
  const { requestId, deadlineMs, traceparent, tracestate, baggage, idempotencyKey } = callMetaOf(call);
  const headers: Record<string, string> = { ...others, [METADATA_HEADERS.requestId]: requestId };
  // Field by field, because a loop over their names takes half a microsecond longer.
  if (deadlineMs !== undefined) headers[METADATA_HEADERS.deadlineMs] = String(deadlineMs);
  if (traceparent !== undefined) headers[METADATA_HEADERS.traceparent] = traceparent;
  if (tracestate !== undefined) headers[METADATA_HEADERS.tracestate] = tracestate;
  if (baggage !== undefined) headers[METADATA_HEADERS.baggage] = baggage;
  if (idempotencyKey !== undefined) headers[METADATA_HEADERS.idempotencyKey] = toIdempotencyKeyHeader(idempotencyKey);
  return headers;
}

/** Keys with outer spaces, which a header loses, or with a leading quote. */
const NEEDS_QUOTES = /^[ "]| $/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern is the end of ASCII.
const BEYOND_ASCII = /[^\x00-\x7f]/;
const utf8 = new TextEncoder();

/** The header's value for the key: a header's characters are bytes, and those of a key UTF-8. It has at most 255 characters. */
export function toIdempotencyKeyHeader(key: string): string {
  const text = NEEDS_QUOTES.test(key) ? `"${key.replaceAll(/["\\]/g, String.raw`\$&`)}"` : key;
  return BEYOND_ASCII.test(text) ? String.fromCharCode(...utf8.encode(text)) : text;
}
