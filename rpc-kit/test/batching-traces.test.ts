import assert from 'node:assert/strict';
import { SpanKind } from '@opentelemetry/api';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, createHttpTransport, fail, type HttpServer, implement, serveHttp } from 'rpc-kit';
import { httpMetrics } from 'rpc-kit/metrics';
import { clientTracing, serverTracing } from 'rpc-kit/tracing';
import { shop } from './call-stubs.ts';

/** A trace for each of the callers, by the digit that its ids are made of. */
const traceparentOf = (digit: string): string => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`;

describe('the calls of one batch', () => {
  const exporter = new InMemorySpanExporter();
  const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('test');
  const registry = new Registry();
  const arrived = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let server: HttpServer;

  before(async () => {
    const nothing = async () => ({});
    const service = implement(
      shop,
      {
        look: nothing,
        ring: nothing,
        async buy({ idempotencyKey }) {
          if (idempotencyKey === 'last') arrived.resolve();
          await goOn.promise;
          if (idempotencyKey === 'sold out') throw fail(shop.methods.buy, 'sold_out');
          return {};
        },
      },
      { interceptors: [serverTracing({ tracer })] },
    );
    server = await serveHttp(service, {
      host: '127.0.0.1',
      port: 0,
      logger: pino({ level: 'silent' }),
      metrics: httpMetrics(registry),
    });
  });
  after(() => server.close(0));

  it('have a span each on both sides, in the trace of its own caller and with its own outcome', async () => {
    await using transport = createHttpTransport(server.url, { userAgent: 'test' });
    const client = createClient(shop, transport, { interceptors: [clientTracing({ tracer })] });
    const leaving = new AbortController();
    const calls = [
      client.buy({ idempotencyKey: 'fine' }, { traceparent: traceparentOf('a') }),
      client.buy({ idempotencyKey: 'sold out' }, { traceparent: traceparentOf('b') }),
      client.buy({ idempotencyKey: 'last' }, { traceparent: traceparentOf('c'), signal: leaving.signal }),
    ];
    const settled = Promise.allSettled(calls);
    await arrived.promise;
    leaving.abort();
    goOn.resolve();
    const outcomes = (await settled).map((one) => (one.status === 'rejected' ? one.reason.code : 'ok'));
    assert.deepEqual(outcomes, ['ok', 'failed_precondition', 'cancelled']);
    // No caller awaits the answer to the call whose caller has left, so its span on the server may end later.
    while (exporter.getFinishedSpans().length < 2 * calls.length) await new Promise(setImmediate);

    for (const [digit, onClient, onServer] of [
      ['a', undefined, undefined],
      ['b', 'sold_out', 'sold_out'],
      // The others still wait for the batch, so the peer does not hear that one has left.
      ['c', 'cancelled', undefined],
    ] as const) {
      const spans = exporter.getFinishedSpans().filter((span) => span.spanContext().traceId === digit.repeat(32));
      assert.equal(spans.length, 2, digit);
      const [asked, served] = [SpanKind.CLIENT, SpanKind.SERVER].map((kind) =>
        spans.find((span) => span.kind === kind),
      );
      assert.equal(asked?.parentSpanContext?.spanId, digit.repeat(16));
      assert.equal(served?.parentSpanContext?.spanId, asked?.spanContext().spanId);
      assert.deepEqual([errorOf(asked), errorOf(served)], [onClient, onServer], digit);
    }
    const requests = await registry.getSingleMetric('http_requests_total')?.get();
    assert.deepEqual(
      requests?.values.map(({ labels, value }) => [labels.route, value]),
      [['/rpc', 1]],
    );
  });
});

function errorOf(span: ReadableSpan | undefined): unknown {
  return span?.attributes['error.type'];
}
