import { context, type Span, SpanKind, type SpanOptions, trace } from '@opentelemetry/api';
import type { TraceContext } from 'rpc-kit';
import { toSpanContext } from 'rpc-kit/tracing';

/**
 * Work that is stored now and done later, possibly by another process, belongs to the trace in which it was stored. Its
 * row holds the trace context.
 */

const tracer = trace.getTracer('service-kit');

/** Starts a child of the stored span; `undefined` without one. */
export function startCarriedSpan(
  name: string,
  carried: TraceContext,
  options: SpanOptions = { kind: SpanKind.INTERNAL },
): Span | undefined {
  const parent = toSpanContext(carried);
  return parent && tracer.startSpan(name, options, trace.setSpanContext(context.active(), parent));
}
