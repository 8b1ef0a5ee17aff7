import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Call, Interceptor, Next } from '../call.ts';
import { CODES } from '../code.ts';
import { toRpcError } from '../rpc-error.ts';
import { baggageOf, toSpanContext, toTraceContext, withBaggage } from './open-telemetry.ts';
import { perMethod } from './per-method.ts';

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
  return traceCalls(SpanKind.SERVER, options, (call) => withBaggage(contextOf(call, ROOT_CONTEXT), call.baggage));
}

/**
 * A span for each call that a client makes, as a child of the active span, or else of the span that the call names. Outside of
 * `retry`, one span covers all attempts; its child spans on servers show each attempt.
 */
export function clientTracing(options: TracingOptions = {}): Interceptor {
  return traceCalls(SpanKind.CLIENT, options, (call) => {
    const active = context.active();
    return trace.getSpan(active) ? active : contextOf(call, active);
  });
}

function traceCalls(kind: SpanKind, options: TracingOptions, parentOf: (call: Call) => Context): Interceptor {
  const tracer = options.tracer ?? trace.getTracer('rpc-kit');
  const describe = perMethod(description);

  return (next) => (call) => {
    const { name, attributes } = describe(call);
    const parent = parentOf(call);
    const span = tracer.startSpan(name, { kind, attributes }, parent);
    if (span.isRecording()) span.setAttribute('rpc.request.metadata.x-request-id', [call.requestId]);
    const traced = withSpan(call, span, parent);
    return context.with(trace.setSpan(parent, span), recordOutcome, undefined, span, next, traced);
  };
}

interface Description {
  readonly name: string;
  readonly attributes: Attributes;
}

function description({ service, method, contract }: Call): Description {
  const name = contract ? `${service}/${method}` : '_OTHER';
  return { name, attributes: { 'rpc.system.name': 'jsonrpc', 'jsonrpc.protocol.version': '2.0', 'rpc.method': name } };
}

/**
 * The call for the next step: nested spans become children of this span, and the baggage is that of the parent context. Without
 * an SDK, both stay unchanged.
 */
function withSpan(call: Call, span: Span, parent: Context): Call {
  return { ...call, ...toTraceContext(span), baggage: baggageOf(parent, call.baggage) };
}

async function recordOutcome(span: Span, next: Next, call: Call): Promise<unknown> {
  try {
    return await next(call);
  } catch (error) {
    if (span.isRecording()) recordError(span, error);
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

function contextOf(call: Call, base: Context): Context {
  const parent = toSpanContext(call);
  return parent ? trace.setSpanContext(base, parent) : base;
}
