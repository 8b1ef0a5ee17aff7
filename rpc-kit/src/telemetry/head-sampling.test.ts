import assert from 'node:assert/strict';
import { context, ROOT_CONTEXT, SamplingDecision, TraceFlags, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { testCall } from '../testing.ts';
import { createHeadSampler, sampleAtHead } from './head-sampling.ts';
import { parseTraceparent } from './trace-context.ts';
import { clientTracing, serverTracing } from './tracing.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

describe('sampling at the head of a trace', () => {
  const exporter = new InMemorySpanExporter();
  const recorded = () => exporter.getFinishedSpans();
  const tracerOf = (ratio: number) => {
    const sampler = createHeadSampler(ratio);
    const spanProcessors = [new SimpleSpanProcessor({ exporter })];
    const provider = new TracerProvider({ sampler, idGenerator: sampler, spanProcessors });
    return sampleAtHead(provider.getTracer('test'), sampler);
  };
  before(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  });
  after(() => {
    context.disable();
  });
  beforeEach(() => exporter.reset());

  it('records the ratio of traces', async () => {
    for (const [ratio, least, most] of [
      [0, 0, 0],
      // 0.1 has a standard deviation of 30 here.
      [0.1, 800, 1_200],
      [1, 10_000, 10_000],
    ] as const) {
      exporter.reset();
      const tracer = tracerOf(ratio);
      for (let number = 0; number < 10_000; number++) tracer.startSpan('root').end();
      assert.ok(recorded().length >= least && recorded().length <= most, `${recorded().length} of 10000 at ${ratio}`);
    }
  });

  it('depends on the id of the trace alone, so the SDK decides as the tracer did', () => {
    const sampler = createHeadSampler(0.5);
    const decided = { true: 0, false: 0 };
    for (let number = 0; number < 2_000; number++) {
      const samples = sampler.samplesNext();
      // The SDK draws the id of the span first.
      sampler.generateSpanId();
      const { decision } = sampler.shouldSample(ROOT_CONTEXT, sampler.generateTraceId());
      assert.equal(decision === SamplingDecision.RECORD_AND_SAMPLED, samples);
      decided[`${samples}`] += 1;
    }
    assert.ok(decided.true > 0 && decided.false > 0);
  });

  it('compares the lowest bytes of the id with a threshold, as OpenTelemetry specifies', () => {
    const { shouldSample } = createHeadSampler(0.25);
    const isSampled = (end: string) =>
      shouldSample(ROOT_CONTEXT, `${'0'.repeat(19)}1${end}`).decision === SamplingDecision.RECORD_AND_SAMPLED;
    assert.deepEqual(['bfffffffffff', 'c00000000000', 'ffffffffffff', '000000000000'].map(isSampled), [
      false,
      true,
      true,
      false,
    ]);
  });

  it('draws valid ids that differ', () => {
    const sampler = createHeadSampler(0.5);
    const traceIds = Array.from({ length: 2_000 }, () => sampler.generateTraceId());
    const spanIds = Array.from({ length: 2_000 }, () => sampler.generateSpanId());
    assert.ok(traceIds.every((id) => /^[0-9a-f]{32}$/.test(id)));
    assert.ok(spanIds.every((id) => /^[0-9a-f]{16}$/.test(id)));
    assert.equal(new Set([...traceIds, ...spanIds]).size, 4_000);
  });

  it("follows the caller's decision", async () => {
    for (const [ratio, flags, count] of [
      [0, '01', 1],
      [1, '00', 0],
    ] as const) {
      exporter.reset();
      const tracestate = 'vendor=1';
      await serverTracing({ tracer: tracerOf(ratio) })(async (call) => {
        const passedOn = parseTraceparent(call.traceparent);
        assert.equal(passedOn?.traceId, TRACE);
        assert.notEqual(passedOn?.spanId, SPAN);
        assert.equal(passedOn?.traceFlags, Number(flags));
        assert.equal(call.tracestate, tracestate);
      })(testCall({ traceparent: `00-${TRACE}-${SPAN}-${flags}`, tracestate }));
      assert.equal(recorded().length, count);
    }
  });

  it('records nothing below an unrecorded call, which is all one trace', async () => {
    const off = { tracer: tracerOf(0) };
    const on = tracerOf(1);
    const traceIds: (string | undefined)[] = [];
    const spanIds: (string | undefined)[] = [];
    await serverTracing(off)(async (call) => {
      const own = parseTraceparent(call.traceparent);
      const active = trace.getActiveSpan();
      const below = on.startActiveSpan('below', (span) => span.spanContext());
      assert.deepEqual(
        [active?.spanContext(), active?.isRecording()],
        [{ ...own, traceFlags: TraceFlags.NONE }, false],
      );
      let asked: ReturnType<typeof parseTraceparent>;
      await clientTracing({ tracer: on })(async ({ traceparent }) => {
        asked = parseTraceparent(traceparent);
        // A library inside of the client, such as an instrumented HTTP client.
        on.startSpan('inside').end();
      })(testCall());
      traceIds.push(own?.traceId, below.traceId, asked?.traceId);
      spanIds.push(own?.spanId, below.spanId, asked?.spanId);
      assert.equal(asked?.traceFlags, TraceFlags.NONE);
    })(testCall());
    assert.equal(new Set(traceIds).size, 1);
    assert.equal(new Set(spanIds).size, 3);
    assert.equal(recorded().length, 0);
  });

  it('records nothing inside of an unrecorded call of a client that no span surrounds', async () => {
    await clientTracing({ tracer: tracerOf(0) })(async () => {
      tracerOf(1).startSpan('inside').end();
    })(testCall());
    assert.equal(recorded().length, 0);
  });

  it('begins a trace for a span that asks for it', () => {
    const parent = trace.setSpanContext(ROOT_CONTEXT, { traceId: TRACE, spanId: SPAN, traceFlags: TraceFlags.NONE });
    tracerOf(1).startSpan('root', { root: true }, parent).end();
    tracerOf(1).startSpan('child', {}, parent).end();
    assert.deepEqual(
      recorded().map(({ name }) => name),
      ['root'],
    );
    assert.notEqual(recorded()[0]?.spanContext().traceId, TRACE);
  });

  it('gives a recorded span to the SDK as it was asked for', () => {
    const tracer = tracerOf(1);
    const result = tracer.startActiveSpan('outer', { attributes: { a: 1 } }, (outer) => {
      tracer.startActiveSpan('inner', {}, trace.setSpan(ROOT_CONTEXT, outer), (inner) => inner.end());
      outer.end();
      return 'result';
    });
    const [inner, outer] = recorded();
    assert.equal(result, 'result');
    assert.deepEqual(outer?.attributes, { a: 1 });
    assert.equal(inner?.parentSpanContext?.spanId, outer?.spanContext().spanId);
  });
});
