import type { IncomingMessage, ServerResponse } from 'node:http';
import { context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { acceptRequestId, type HttpMetrics, type ListenerOptions } from 'rpc-kit/http-server';
import { runInLogScope } from 'rpc-kit/logging';
import { toSpanContext, toTraceContext } from 'rpc-kit/tracing';
import type { Person } from '../auth/access-tokens.ts';

/** One request in flight. Fastify knows the request; this is what is logged, measured and passed on. */
export interface Exchange {
  readonly requestId: string;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
  readonly span: Span;
  /** The pattern of the route, never the address: `/v1/orders/{id}`. */
  route: string;
  person?: Person;
  /** Of a refusal. */
  code?: string;
  reason?: string | undefined;
  /** Called with the status when the answer is sent or the client has left. */
  onEnd?: (status: number) => void;
}

const exchanges = new WeakMap<IncomingMessage, Exchange>();

export function exchangeOf(request: IncomingMessage): Exchange {
  return exchanges.get(request) as Exchange;
}

/** The route of an address that does not exist. */
const NO_ROUTE = 'other';

/** Orchestrators and Prometheus ask for these every few seconds. */
const PROBED = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * Opens an exchange for each request, and logs, measures and traces its end. A trace begins here: a stranger's traceparent would
 * decide what we record, so its span is only linked. The log line has no address, query, body or token.
 */
export function openExchanges(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: HttpMetrics },
): ListenerOptions['answer'] {
  const tracer = trace.getTracer('gateway');

  return (request, response, pending) => {
    const startedAt = performance.now();
    const requestId = acceptRequestId(request.headers['x-request-id'] as string | undefined);
    const stranger = toSpanContext({ traceparent: request.headers.traceparent as string | undefined });
    const span = tracer.startSpan(
      request.method ?? '',
      {
        kind: SpanKind.SERVER,
        attributes: { 'http.request.method': request.method ?? '', 'http.request.header.x-request-id': [requestId] },
        links: stranger ? [{ context: stranger }] : [],
      },
      ROOT_CONTEXT,
    );
    const exchange: Exchange = { requestId, signal: pending.signal, span, route: NO_ROUTE };
    exchanges.set(request, exchange);
    const scope = scopeOf(exchange);

    response.once('close', () => {
      pending.settle();
      const ms = performance.now() - startedAt;
      const { method: verb } = request;
      const { statusCode: status, writableFinished: finished } = response;
      if (!finished) pending.leave();
      const { route, person, code, reason } = exchange;
      exchange.onEnd?.(status);
      metrics.ended({ verb, path: route, status, finished, ms });
      endSpan(exchange, verb, status);
      const line = {
        verb,
        route,
        status,
        code,
        reason,
        user: person && String(person.user),
        aborted: finished ? undefined : true,
      };
      const level = PROBED.has(route) && status < 400 ? 'debug' : 'info';
      runInLogScope(scope, () => logger[level]({ ...line, ms: Math.round(ms * 10) / 10 }, 'request'));
    });
    runInLogScope(scope, () => context.with(trace.setSpan(ROOT_CONTEXT, span), handler, undefined, request, response));
  };
}

function scopeOf({ requestId, span }: Exchange): Record<string, string> {
  const { traceId, spanId } = span.spanContext();
  const isTraced = toTraceContext(span) !== undefined;
  return { request_id: requestId, ...(isTraced && { trace_id: traceId, span_id: spanId }) };
}

function endSpan({ span, route, code }: Exchange, verb: string | undefined, status: number): void {
  span.updateName(`${verb} ${route}`);
  span.setAttributes({ 'http.route': route, 'http.response.status_code': status });
  // Refusals are no failures of the server (https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR, ...(code !== undefined && { message: code }) });
  span.end();
}
