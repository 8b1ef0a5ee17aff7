import {
  type Baggage,
  type BaggageEntry,
  baggageEntryMetadataFromString,
  type Context,
  createTraceState,
  isSpanContextValid,
  propagation,
  type Span,
  type SpanContext,
  type TraceState,
} from '@opentelemetry/api';
import { acceptBaggage, formatTraceparent, parseTraceparent, type TraceContext } from './trace-context.ts';

/** Trace contexts in the form that OpenTelemetry's API has for them, and back. */

/** The span that the trace context names; `undefined` where it names none. */
export function toSpanContext({ traceparent, tracestate }: TraceContext): SpanContext | undefined {
  const parent = parseTraceparent(traceparent);
  if (!parent) return undefined;
  return { ...parent, isRemote: true, ...(tracestate !== undefined && { traceState: toTraceState(tracestate) }) };
}

/** Goes on as the text that it came as, of which OpenTelemetry would drop what it does not know; parsed when it is looked into. */
function toTraceState(text: string): TraceState {
  return {
    get: (key) => createTraceState(text).get(key),
    set: (key, value) => createTraceState(text).set(key, value),
    unset: (key) => createTraceState(text).unset(key),
    serialize: () => text,
  };
}

/** What names the span to others; `undefined` where there is no SDK and no span was named to this process. */
export function toTraceContext(span: Span): Pick<TraceContext, 'traceparent' | 'tracestate'> | undefined {
  const spanContext = span.spanContext();
  if (!isSpanContextValid(spanContext)) return undefined;
  return { traceparent: formatTraceparent(spanContext), tracestate: spanContext.traceState?.serialize() || undefined };
}

/** The text that baggage came as: it goes on just so, unless somebody changes it. */
const texts = new WeakMap<Baggage, string>();

/** The context with the baggage of the text, for `propagation.getActiveBaggage()`. */
export function withBaggage(base: Context, text: string | undefined): Context {
  return text === undefined ? base : propagation.setBaggage(base, parseBaggage(text));
}

/** @param fallback what stands for a context without baggage; one that was emptied has none */
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
