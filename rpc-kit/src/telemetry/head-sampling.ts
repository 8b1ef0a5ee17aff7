import {
  type Context,
  context,
  isSpanContextValid,
  SamplingDecision,
  type Span,
  type SpanContext,
  type SpanOptions,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { DECIDING_BYTES, RandomIds } from './trace-ids.ts';

/** Decides by the id of a trace at its first span whether it is sampled; all its other spans follow. */
export interface HeadSampler {
  /** For the SDK, which gets this object as `sampler` and as `idGenerator`. */
  shouldSample(context: Context, traceId: string): { decision: SamplingDecision };
  toString(): string;
  generateTraceId(): string;
  generateSpanId(): string;
  /** Whether the trace is sampled whose id `generateTraceId` returns next. */
  samplesNext(): boolean;
}

const TRACE_BYTES = 16;
const SPAN_BYTES = 8;

/**
 * Samples by the lowest bytes of the id, as OpenTelemetry specifies it, so that all replicas and all implementations that do so agree
 * (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/).
 *
 * @param ratio of sampled traces, from 0 to 1
 */
export function createHeadSampler(ratio: number): HeadSampler {
  const threshold = (1 - ratio) * 2 ** (8 * DECIDING_BYTES);
  const traceIds = new RandomIds(TRACE_BYTES);
  const spanIds = new RandomIds(SPAN_BYTES);
  return {
    shouldSample(active, traceId) {
      const parent = parentIn(active);
      const sampled = parent ? isSampled(parent) : Number.parseInt(traceId.slice(-2 * DECIDING_BYTES), 16) >= threshold;
      return { decision: sampled ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD };
    },
    toString: () => `HeadSampler{${ratio}}`,
    generateTraceId: () => traceIds.next(),
    generateSpanId: () => spanIds.next(),
    samplesNext: () => traceIds.peek() >= threshold,
  };
}

/**
 * A tracer that asks the sampler before the SDK makes a span: the SDK spends a microsecond until it asks, and most spans are not
 * sampled.
 *
 * @param sampler of the SDK of the tracer
 */
export function sampleAtHead(tracer: Tracer, sampler: HeadSampler): Tracer {
  return new HeadSampledTracer(tracer, sampler);
}

class HeadSampledTracer implements Tracer {
  readonly #tracer: Tracer;
  readonly #sampler: HeadSampler;

  constructor(tracer: Tracer, sampler: HeadSampler) {
    this.#tracer = tracer;
    this.#sampler = sampler;
  }

  startSpan(name: string, options: SpanOptions = {}, active: Context = context.active()): Span {
    const parent = options.root ? undefined : parentIn(active);
    const sampled = parent ? isSampled(parent) : this.#sampler.samplesNext();
    return sampled ? this.#tracer.startSpan(name, options, active) : this.#unsampled(parent);
  }

  #unsampled(parent: SpanContext | undefined): Span {
    return trace.wrapSpanContext({
      traceId: parent?.traceId ?? this.#sampler.generateTraceId(),
      spanId: this.#sampler.generateSpanId(),
      traceFlags: TraceFlags.NONE,
      ...(parent?.traceState && { traceState: parent.traceState }),
    });
  }

  startActiveSpan<F extends (span: Span) => unknown>(
    name: string,
    ...rest: [F] | [SpanOptions, F] | [SpanOptions, Context, F]
  ): ReturnType<F> {
    const run = rest.at(-1) as F;
    const [options, active = context.active()] = rest.slice(0, -1) as [SpanOptions?, Context?];
    const span = this.startSpan(name, options, active);
    return context.with(trace.setSpan(active, span), () => run(span) as ReturnType<F>);
  }
}

function parentIn(active: Context): SpanContext | undefined {
  const parent = trace.getSpanContext(active);
  return parent && isSpanContextValid(parent) ? parent : undefined;
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}
