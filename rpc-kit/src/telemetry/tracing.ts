import {
  type Context,
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Call, Interceptor, Next } from '../call.ts';
import { CODES } from '../code.ts';
import { toRpcError } from '../rpc-error.ts';
import { baggageOf, toSpanContext, toTraceContext, withBaggage } from './open-telemetry.ts';
import { perMethod } from './per-method.ts';
import type { TraceContext } from './trace-context.ts';
import { TracedContext } from './traced-context.ts';

/**
 * Spans of calls by OpenTelemetry's semantic conventions for JSON-RPC (https://opentelemetry.io/docs/specs/semconv/rpc/json-rpc/).
 * Without an SDK they cost next to nothing and are not exported.
 */
export interface TracingOptions {
  /** Default: the tracer `rpc-kit` of the process's SDK. */
  readonly tracer?: Tracer;
}

/** A span for each call that a service answers, as a child of the caller's span (`traceparent`), if any. */
export function serverTracing(options: TracingOptions = {}): Interceptor {
  const startSpan = createSpanStarter(SpanKind.SERVER, options);
  return (next) => (call) => {
    const base = withBaggage(ROOT_CONTEXT, call.baggage);
    const span = startSpan(call, base);
    const named = toTraceContext(span);
    const traced = withTrace(call, named, base);
    return runInSpan(new TracedContext(base, span, named && traced), span, next, traced);
  };
}

/**
 * A span for each call that a client makes, as a child of the active span, or else of the span that the call names. Outside of
 * `retry`, one span covers all attempts; its child spans on servers show each attempt.
 */
export function clientTracing(options: TracingOptions = {}): Interceptor {
  const startSpan = createSpanStarter(SpanKind.CLIENT, options);
  return (next) => (call) => {
    const base = context.active();
    const span = startSpan(call, base);
    const traced = withTrace(call, toTraceContext(span), base);
    // The active span already keeps the steps inside from being recorded.
    if (!span.isRecording() && isUnsampled(trace.getSpanContext(base))) return next(traced);
    return runInSpan(new TracedContext(base, span), span, next, traced);
  };
}

/** Starts a span below the one in the context, or else below the one that the call names. */
function createSpanStarter(kind: SpanKind, options: TracingOptions): (call: Call, base: Context) => Span {
  const tracer = options.tracer ?? trace.getTracer('rpc-kit');
  const describe = perMethod(({ service, method, contract }: Call) => {
    const name = contract ? `${service}/${method}` : '_OTHER';
    const attributes = { 'rpc.system.name': 'jsonrpc', 'jsonrpc.protocol.version': '2.0', 'rpc.method': name };
    return { name, options: { kind, attributes } };
  });

  return (call, base) => {
    const { name, options } = describe(call);
    const named = trace.getSpan(base) ? undefined : toSpanContext(call);
    const span = tracer.startSpan(name, options, named ? new TracedContext(base, trace.wrapSpanContext(named)) : base);
    if (span.isRecording()) span.setAttribute('rpc.request.metadata.x-request-id', [call.requestId]);
    return span;
  };
}

/**
 * The call for the next step: nested spans become children of this span, and the baggage is that of the base context. Without
 * an SDK, both stay unchanged.
 */
function withTrace(call: Call, span: TraceContext | undefined, base: Context): Call {
  const { traceparent, tracestate } = span ?? call;
  return { ...call, traceparent, tracestate, baggage: baggageOf(base, call.baggage) };
}

function isUnsampled(span: SpanContext | undefined): boolean {
  return span !== undefined && isSpanContextValid(span) && !(span.traceFlags & TraceFlags.SAMPLED);
}

function runInSpan(within: Context, span: Span, next: Next, call: Call): Promise<unknown> {
  return span.isRecording()
    ? context.with(within, recordOutcome, undefined, span, next, call)
    : context.with(within, next, undefined, call);
}

async function recordOutcome(span: Span, next: Next, call: Call): Promise<unknown> {
  try {
    return await next(call);
  } catch (error) {
    recordError(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Records no message, because it may quote user input; the log line with the span's id has it. */
function recordError(span: Span, error: unknown): void {
  const { code, reason } = toRpcError(error);
  span.setAttribute('error.type', reason ?? code);
  span.setAttribute('rpc.response.status_code', String(CODES[code].jsonRpc));
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
}
