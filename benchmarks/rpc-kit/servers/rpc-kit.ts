import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { type Interceptor, implement, type Service, serveHttp } from 'rpc-kit';
import { serverLogging } from 'rpc-kit/logging';
import { httpMetrics, serverMetrics } from 'rpc-kit/metrics';
import { createHeadSampler, sampleAtHead, serverTracing } from 'rpc-kit/tracing';
import { createLogger } from 'service-kit';
import { loms, uncheckedLoms } from '../contract.ts';
import { handlers } from '../work.ts';

/** What the ablation takes away, by options that every user of rpc-kit has. */
type Part = 'tracing' | 'metrics' | 'logging' | 'results';

/** Both faces. */
export async function start(without?: string): Promise<number> {
  const { service, logger, registry } = createMeasured(without);
  const { port } = await serveHttp(service, { host: '127.0.0.1', port: 0, logger, metrics: httpMetrics(registry) });
  return port;
}

/**
 * rpc-kit as a service runs it: params and result validated, metrics, a log line a call, tracing at 1 %.
 * The logger is that of the services and writes to standard output, which is /dev/null here.
 * @param without parts to leave out, separated by commas
 */
export function createMeasured(without = ''): { service: Service; logger: Logger; registry: Registry } {
  const left = new Set(without.split(',') as Part[]);
  const registry = new Registry();
  const logger = createLogger('loms', 'info');
  const interceptors: Interceptor[] = [];
  if (!left.has('tracing')) interceptors.push(tracing());
  if (!left.has('metrics')) interceptors.push(serverMetrics(registry));
  if (!left.has('logging')) interceptors.push(serverLogging(logger));
  const service = left.has('results') ? unchecked(interceptors) : checked(interceptors);
  return { service, logger, registry };
}

function checked(interceptors: readonly Interceptor[]): Service {
  return implement(
    loms,
    {
      createOrder: async ({ user, items }) => ({
        orderID: BigInt(handlers.createOrder({ user: Number(user), items }).orderID),
      }),
      stocks: async (params) => ({
        stocks: handlers.stocks(params).stocks.map(({ warehouseID, count }) => ({
          warehouseID: BigInt(warehouseID),
          count: BigInt(count),
        })),
      }),
    },
    { interceptors },
  );
}

function unchecked(interceptors: readonly Interceptor[]): Service {
  return implement(
    uncheckedLoms,
    {
      createOrder: async ({ user, items }) => handlers.createOrder({ user: Number(user), items }),
      stocks: async (params) => handlers.stocks(params),
    },
    { interceptors },
  );
}

/** A common sampling rate. Spans are batched as for a collector, but the exporter drops them. */
const SAMPLED = 0.01;

function tracing(): Interceptor {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const nowhere = {
    export: (_spans: unknown, done: (result: { code: 0 }) => void) => done({ code: 0 }),
    shutdown: async () => {},
  };
  const sampler = createHeadSampler(SAMPLED);
  const spanProcessors = [new BatchSpanProcessor({ exporter: nowhere })];
  const provider = new TracerProvider({ sampler, idGenerator: sampler, spanProcessors });
  return serverTracing({ tracer: sampleAtHead(provider.getTracer('rpc-kit'), sampler) });
}
