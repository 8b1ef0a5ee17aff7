import type { Traceparent } from './trace-context.ts';

/** The fields of every log line of a call. */
export type LogFields = Readonly<Record<string, string>>;

/** Those of a call alone; in a trace also the ids of its span. */
export type CallLogFields =
  | { readonly request_id: string }
  | { readonly request_id: string; readonly trace_id: string; readonly span_id: string };

/** @param span a valid one, if any */
export function toLogFields(
  requestId: string,
  span: Pick<Traceparent, 'traceId' | 'spanId'> | undefined,
): CallLogFields {
  return span ? { request_id: requestId, trace_id: span.traceId, span_id: span.spanId } : { request_id: requestId };
}
