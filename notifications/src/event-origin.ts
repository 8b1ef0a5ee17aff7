import { context, isSpanContextValid, ROOT_CONTEXT, type SpanOptions, trace } from '@opentelemetry/api';
import { acceptTraceContext, parseRequestId } from 'rpc-kit';
import { type LogFields, runInLogScope } from 'rpc-kit/logging';
import { toSpanContext, toTraceContext } from 'rpc-kit/tracing';
import type { Origin, TraceContext } from './domain/ports.ts';

const tracer = trace.getTracer('notifications');

/** Continues the trace and the request id of the call that made an event. */
export function continueOrigin(
  { requestID, ...carried }: TraceContext & { readonly requestID?: string | undefined },
  spanName: string,
  options: SpanOptions,
): Origin {
  const origin = toSpanContext(acceptTraceContext(carried));
  const requestId = parseRequestId(requestID);
  const parent = origin ? trace.setSpanContext(ROOT_CONTEXT, origin) : ROOT_CONTEXT;
  let current = parent;

  const fields = (): LogFields => {
    const spanContext = trace.getSpanContext(current);
    return {
      ...(requestId !== undefined && { request_id: requestId }),
      ...(spanContext && { trace_id: spanContext.traceId, span_id: spanContext.spanId }),
    };
  };

  const within: Origin['within'] = (work) => runInLogScope(fields(), () => context.with(current, work));

  const process: Origin['process'] = async (work) => {
    const span = tracer.startSpan(spanName, options, parent);
    if (isSpanContextValid(span.spanContext())) current = trace.setSpan(current, span);
    try {
      return await within(() => work(toTraceContext(span) ?? {}));
    } finally {
      span.end();
    }
  };
  return { process, within };
}
