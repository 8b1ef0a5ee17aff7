import {
  type Baggage,
  type BaggageEntry,
  baggageEntryMetadataFromString,
  type Context,
  createTraceState,
  INVALID_TRACEID,
  propagation,
  type Span,
  type SpanContext,
  type TraceState,
} from '@opentelemetry/api';
import { acceptBaggage, formatTraceparent, parseTraceparent, type TraceContext } from './trace-context.ts';

/** Converts trace contexts to the types of OpenTelemetry's API and back. */

/** The span that the trace context names, if any. */
export function toSpanContext({ traceparent, tracestate }: TraceContext): SpanContext | undefined {
  const parent = parseTraceparent(traceparent);
  if (!parent) return undefined;
  const { traceId, spanId, traceFlags } = parent;
  const span = { traceId, spanId, traceFlags, isRemote: true };
  return tracestate === undefined ? span : { ...span, traceState: toTraceState(tracestate) };
}

/** Serializes to the original text, of which OpenTelemetry would drop unknown parts; it is parsed only when it is read. */
function toTraceState(text: string): TraceState {
  return {
    get: (key) => createTraceState(text).get(key),
    set: (key, value) => createTraceState(text).set(key, value),
    unset: (key) => createTraceState(text).unset(key),
    serialize: () => text,
  };
}

/** The headers that name the span; `undefined` without an SDK and without a caller's span. */
export function toTraceContext(span: Span): Pick<TraceContext, 'traceparent' | 'tracestate'> | undefined {
  const spanContext = span.spanContext();
  // Spans have valid ids or those of no span; to check each of their digits costs as much as to write the header.
  if (spanContext.traceId === INVALID_TRACEID) return undefined;
  return { traceparent: formatTraceparent(spanContext), tracestate: spanContext.traceState?.serialize() || undefined };
}

/** The original text of each baggage, which is passed on unchanged unless the baggage is changed. */
const texts = new WeakMap<Baggage, string>();

/** The context with the baggage of the text, for `propagation.getActiveBaggage()`. */
export function withBaggage(base: Context, text: string | undefined): Context {
  return text === undefined ? base : propagation.setBaggage(base, parseBaggage(text));
}

/** @param fallback for a context without baggage; an emptied baggage gives none */
export function baggageOf(context: Context, fallback: string | undefined): string | undefined {
  const baggage = propagation.getBaggage(context);
  if (!baggage) return fallback;
  return texts.get(baggage) ?? acceptBaggage(baggage.getAllEntries().map(toMember).join(','));
}

/** The calls of a batch share the baggage of its headers: it is parsed once. */
let latest: { readonly text: string; readonly baggage: Baggage } | undefined;

function parseBaggage(text: string): Baggage {
  if (latest?.text === text) return latest.baggage;
  const baggage = propagation.createBaggage(Object.fromEntries(text.split(',').map(toEntry)));
  texts.set(baggage, text);
  latest = { text, baggage };
  return baggage;
}

function toEntry(member: string): [string, BaggageEntry] {
  const [pair = '', ...properties] = member.split(';');
  const equals = pair.indexOf('=');
  const metadata = properties.length > 0 ? baggageEntryMetadataFromString(properties.join(';').trim()) : undefined;
  return [
    pair.slice(0, equals).trim(),
    { value: decode(pair.slice(equals + 1).trim()), ...(metadata && { metadata }) },
  ];
}

function toMember([key, { value, metadata }]: [string, BaggageEntry]): string {
  const properties = metadata?.toString() ?? '';
  return `${key}=${encodeURIComponent(value)}${properties && `;${properties}`}`;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
