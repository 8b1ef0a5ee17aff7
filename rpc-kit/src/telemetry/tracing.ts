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
 * Spans of calls, named and described as OpenTelemetry's semantic conventions for JSON-RPC say
 * (https://opentelemetry.io/docs/specs/semconv/rpc/json-rpc/). Without an SDK they cost next to nothing and tell nobody.
 */
export interface TracingOptions {
  /** Default: that of the process's SDK, as `rpc-kit`. */
  readonly tracer?: Tracer;
}

/** A span for each call that a service answers, below the caller's span where the call names one (`traceparent`). */
export function serverTracing(options: TracingOptions = {}): Interceptor {
  return traceCalls(SpanKind.SERVER, options, (call) => withBaggage(contextOf(call, ROOT_CONTEXT), call.baggage));
}

/**
 * A span for each call that a client makes, below the one that is active where it is made, or else below the one that
 * the call names. Outside of `retry`, it spans all attempts; the spans of the servers below it tell them apart.
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
    return context.with(trace.setSpan(parent, span), recordOutcome, undefined, span, next, handOn(call, span, parent));
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
 * The call as those below see it: their spans belong under this one, and the baggage is that of the place where the call is
 * made. Without an SDK both are as they came.
 */
function handOn(call: Call, span: Span, parent: Context): Call {
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

/** Messages may quote what a user sent; they belong into the log line that the span's id finds. */
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
