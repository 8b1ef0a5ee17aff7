import { type Logger, pino } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { adaptiveLimit, type ConcurrencyLimit, type Interceptor, type Service, serveHttp, shedLoad } from 'rpc-kit';
import { logScope, serverLogging } from 'rpc-kit/logging';
import { httpMetrics, serverMetrics, sheddingMetrics } from 'rpc-kit/metrics';
import { serverTracing } from 'rpc-kit/tracing';
import { settings } from './settings.ts';

/** What every process of a mesh needs, whatever it serves. */
export interface Operations {
  readonly logger: Logger;
  readonly registry: Registry;
  readonly limit: ConcurrencyLimit;
  /** For `implement`: a span, counts and a line of each call; calls beyond the limit are refused. */
  readonly interceptors: readonly Interceptor[];
}

export function createOperations(name: string): Operations {
  const logger = pino({ name, level: settings.LOG_LEVEL, mixin: logScope });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const limit = adaptiveLimit();
  const shedding = shedLoad(limit, sheddingMetrics(registry, limit));
  return {
    logger,
    registry,
    limit,
    interceptors: [serverTracing(), serverMetrics(registry), serverLogging(logger), shedding],
  };
}

/** Serves until SIGTERM or SIGINT, then drains. */
export async function serveUntilStopped(service: Service, { logger, registry, limit }: Operations): Promise<void> {
  // First of all: a signal that comes before its handler ends the process at once.
  const { promise: stopped, resolve: stop } = Promise.withResolvers<string>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  const { HOST: host, PORT: port, NOT_READY_MS: notReadyMs, FINISH_MS: finishMs } = settings;
  await using server = await serveHttp(service, {
    host,
    port,
    logger,
    metrics: httpMetrics(registry),
    admission: limit,
    drain: { notReadyMs, finishMs },
  });
  logger.info({ url: server.url }, 'serving');
  logger.info({ signal: await stopped }, 'draining');
}
