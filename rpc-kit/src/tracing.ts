/**
 * Traces with OpenTelemetry. Once this is imported, log scopes have the trace of their call.
 *
 * @module
 */

export { createHeadSampler, type HeadSampler, sampleAtHead } from './telemetry/head-sampling.ts';
export { toSpanContext, toTraceContext } from './telemetry/open-telemetry.ts';
export { clientTracing, serverTracing, type TracingOptions } from './telemetry/tracing.ts';
