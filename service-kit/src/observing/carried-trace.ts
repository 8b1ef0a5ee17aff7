import { context, type Span, SpanKind, type SpanOptions, trace } from '@opentelemetry/api';
import { type TraceContext, toSpanContext } from 'rpc-kit';

/**
 * What is written down now and done later, maybe by another process, belongs to the trace in which it was written down. The
 * row carries the trace context.
 */

const tracer = trace.getTracer('service-kit');

/** A span below the one that was written down; `undefined` where there was none. */
export function startCarriedSpan(
  name: string,
  carried: TraceContext,
  options: SpanOptions = { kind: SpanKind.INTERNAL },
): Span | undefined {
  const parent = toSpanContext(carried);
  return parent && tracer.startSpan(name, options, trace.setSpanContext(context.active(), parent));
}
