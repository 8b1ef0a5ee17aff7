import { setTimeout as sleep } from 'node:timers/promises';
import { type DiagLogger, DiagLogLevel, diag, type ProxyTracerProvider, trace } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { outsideCalls } from 'rpc-kit';
import { createHeadSampler, type HeadSampler, sampleAtHead } from 'rpc-kit/tracing';

/** The SDK reads the endpoints and the other `OTEL_*` variables itself. */
export interface TracingSettings {
  /** Without an endpoint, tracing is off. */
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  readonly OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string | undefined;
  readonly TRACES_SAMPLED_RATIO: number;
}

/** Part of the 5 s that a service has to stop. */
const FLUSH_TIMEOUT_MS = 2_000;

/**
 * Exports the spans of this process to the collector, in batches. Disposing flushes them.
 * Loading the SDK takes a quarter of a second, so it is loaded only if tracing is on.
 */
export async function startTracing(
  service: string,
  version: string,
  settings: TracingSettings,
  logger: Logger,
): Promise<AsyncDisposable> {
  const collector = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (collector === undefined) return { [Symbol.asyncDispose]: async () => {} };
  const [{ NodeSDK }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/resources'),
  ]);
  const sampler = createHeadSampler(settings.TRACES_SAMPLED_RATIO);
  diag.setLogger(toDiagLogger(logger), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': version }),
    sampler,
    idGenerator: sampler,
    // Metrics are read from /metrics, and logs from standard output.
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  sampleTracersAtHead(sampler);
  return {
    async [Symbol.asyncDispose]() {
      await Promise.race([sdk.shutdown().catch(() => {}), sleep(FLUSH_TIMEOUT_MS, undefined, { ref: false })]);
    },
  };
}

/** All tracers of the process, also those that were made before the SDK started. */
function sampleTracersAtHead(sampler: HeadSampler): void {
  const provider = trace.getTracerProvider() as ProxyTracerProvider;
  const ofSdk = provider.getDelegate();
  provider.setDelegate({ getTracer: (...about) => sampleAtHead(ofSdk.getTracer(...about), sampler) });
}

/**
 * Logs failures of the exporter. Its timer starts in the log scope of the call whose span ends first; `outsideCalls` keeps
 * that call's ids out of the line.
 */
function toDiagLogger(logger: Logger): DiagLogger {
  const logAt =
    (level: 'warn' | 'error') =>
    (message: string, ...details: unknown[]) =>
      outsideCalls(() => logger[level]({ details }, `tracing: ${message}`));
  const nothing = (): void => {};
  return { error: logAt('error'), warn: logAt('warn'), info: nothing, debug: nothing, verbose: nothing };
}
