import { randomUUID } from 'node:crypto';
import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { destination, pino } from 'pino';
import { Histogram, Registry } from 'prom-client';

/** As often as rpc-kit's server of this benchmark. */
const SAMPLED = 0.01;
/** The longest that pino's destination takes: a write costs as much as dozens of lines. */
const LOG_PAGE_LENGTH = 16 * 1024 - 1;
const LOG_PAGE_MS = 100;
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * What a service on another framework has on in production, as cheap as its usual libraries allow: one pino line for each call with
 * the ids of its trace, a histogram of prom-client whose labels are looked up once, and a span of OpenTelemetry that continues the
 * caller's trace.
 */
export function createTelemetry() {
  const registry = new Registry();
  const seconds = new Histogram({
    name: 'rpc_server_duration_seconds',
    help: 'Duration of calls.',
    labelNames: ['method', 'code'],
    buckets: BUCKETS,
    registers: [registry],
  });
  const observers = new Map();
  const observerOf = (method, code) => {
    const key = `${method} ${code}`;
    const known = observers.get(key);
    if (known) return known;
    const observer = seconds.labels(method, String(code));
    observers.set(key, observer);
    return observer;
  };

  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const tracer = createTracer();
  const logger = pino(
    {
      mixin() {
        const span = trace.getActiveSpan()?.spanContext();
        return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
      },
    },
    destination({ dest: 1, minLength: LOG_PAGE_LENGTH, periodicFlush: LOG_PAGE_MS, sync: false }),
  );

  return {
    logger,
    /** Starts the span of a call. The handler has to run in its context. */
    startCall(method, requestId, headers) {
      const startedAt = performance.now();
      const parent = headers.traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, headers);
      const attributes = { 'rpc.system': 'http', 'rpc.method': method };
      const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
      return {
        context: trace.setSpan(parent, span),
        end(code) {
          const ms = performance.now() - startedAt;
          observerOf(method, code).observe(ms / 1_000);
          logger.info({ request_id: requestId, method, caller: headers['user-agent'], code, ms }, 'call');
          span.setAttribute('http.response.status_code', code);
          span.end();
        },
      };
    },
  };
}

/** Spans are batched as for a collector, but the exporter drops them. */
function createTracer() {
  const nowhere = { export: (_spans, done) => done({ code: 0 }), shutdown: async () => {} };
  const provider = new TracerProvider({
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(SAMPLED) }),
    spanProcessors: [new BatchSpanProcessor({ exporter: nowhere })],
  });
  return provider.getTracer('benchmark');
}

/** Options of Fastify: its own two lines for each request are off, and the request id is the caller's. */
export const OBSERVED_FASTIFY = {
  disableRequestLogging: true,
  requestIdHeader: 'x-request-id',
  genReqId: () => randomUUID(),
};
