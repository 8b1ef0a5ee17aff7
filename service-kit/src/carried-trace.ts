import { context, isSpanContextValid, type Span, SpanKind, type SpanOptions, trace } from '@opentelemetry/api';
import { formatTraceparent, parseTraceparent } from 'rpc-kit';

/**
 * What is written down now and done later, maybe by another process, belongs to the trace in which it was written down. The
 * row carries the span as a traceparent.
 */

const tracer = trace.getTracer('service-kit');

/** The span that is active, where its trace is recorded. */
export function activeTraceparent(): string | undefined {
  const span = trace.getActiveSpan();
  return span?.isRecording() && isSpanContextValid(span.spanContext())
    ? formatTraceparent(span.spanContext())
    : undefined;
}

/** A span below the one that was written down; `undefined` where there was none. */
export function startCarriedSpan(
  name: string,
  traceparent: string | undefined,
  options: SpanOptions = { kind: SpanKind.INTERNAL },
): Span | undefined {
  const parent = parseTraceparent(traceparent);
  if (!parent) return undefined;
  const parentContext = trace.setSpanContext(context.active(), { ...parent, isRemote: true });
  return tracer.startSpan(name, options, parentContext);
}
