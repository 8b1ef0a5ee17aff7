import { setTimeout as sleep } from 'node:timers/promises';
import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { outsideCalls } from 'rpc-kit';

/** Three of the variables that every service has; the SDK reads these endpoints and the other `OTEL_*` variables itself. */
export interface TracingSettings {
  /** Without a collector nothing is traced. */
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  readonly OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string | undefined;
  readonly TRACES_SAMPLED_RATIO: number;
}

/** What is left to send must not hold up the end of a service; its starter waits 5 s for everything. */
const FLUSH_TIMEOUT_MS = 2_000;

/**
 * Sends the spans of this process to the collector, in batches. Disposing sends what is left.
 * The SDK takes a quarter of a second to load, so it is loaded only where it is wanted.
 */
export async function startTracing(
  service: string,
  version: string,
  settings: TracingSettings,
  logger: Logger,
): Promise<AsyncDisposable> {
  const collector = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (collector === undefined) return { [Symbol.asyncDispose]: async () => {} };
  const [{ NodeSDK }, { ParentBasedSampler, TraceIdRatioBasedSampler }, { resourceFromAttributes }] = await Promise.all(
    [import('@opentelemetry/sdk-node'), import('@opentelemetry/sdk-trace'), import('@opentelemetry/resources')],
  );
  diag.setLogger(toDiagLogger(logger), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': version }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(settings.TRACES_SAMPLED_RATIO) }),
    // Metrics are read from /metrics, and logs from standard output.
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  return {
    async [Symbol.asyncDispose]() {
      await Promise.race([sdk.shutdown().catch(() => {}), sleep(FLUSH_TIMEOUT_MS, undefined, { ref: false })]);
    },
  };
}

/**
 * A collector that does not answer is a line in the log, and no more than that. The span that ends first starts the timer of
 * the exporter, in the log scope of its call; what becomes of the export concerns no call.
 */
function toDiagLogger(logger: Logger): DiagLogger {
  const say =
    (level: 'warn' | 'error') =>
    (message: string, ...details: unknown[]) =>
      outsideCalls(() => logger[level]({ details }, `tracing: ${message}`));
  const nothing = (): void => {};
  return { error: say('error'), warn: say('warn'), info: nothing, debug: nothing, verbose: nothing };
}
