import { setTimeout as sleep } from 'node:timers/promises';
import { keepTimerLists } from '../../deadline.ts';
import type { ReadinessCheck } from '../../http/server/pages.ts';
import { DRAIN_RANGE, DRAIN_TIMES, type DrainTimes } from '../../http/server/server.ts';
import type { TlsSource } from '../../http/tls.ts';
import { checkWhole } from '../../schema/whole-number.ts';
import type { Service } from '../../server.ts';
import type { ConcurrencyLimit } from '../../serving/concurrency-limit.ts';
import { type Logger, STDERR_LOGGER } from '../../telemetry/logger.ts';
import type { ServiceCodec } from '../schema/service-codec.ts';
import { vendoredFiles } from '../schema/vendored.ts';
import { answerStream } from './exchange.ts';
import { type GrpcServerMetrics, type OpenStreams, UNMEASURED } from './grpc-metrics.ts';
import { createHealth } from './health.ts';
import { GRPC_LIMIT_RANGES, GRPC_LIMITS, type GrpcLimits } from './limits.ts';
import { createListener } from './listener.ts';
import { reflectionRoutes } from './reflection.ts';
import type { Router } from './router.ts';
import { serviceRoutes } from './service-routes.ts';

/** Where `serveGrpc` listens, the messages of its contract, what it logs and counts. */
export interface GrpcServerOptions {
  /** 0 picks a free port. */
  readonly port: number;
  readonly host: string;
  readonly codec: ServiceCodec;
  /** Default: warnings and errors as JSON lines on stderr. */
  readonly logger?: Logger;
  /** `grpcMetrics` of rpc-kit/metrics. Default: nothing is counted. */
  readonly metrics?: GrpcServerMetrics;
  readonly readiness?: Readonly<Record<string, ReadinessCheck>>;
  readonly limits?: Partial<GrpcLimits>;
  /** The limit of the service's `shedLoad`. When it is full, calls are refused before their messages are read. */
  readonly admission?: ConcurrencyLimit;
  /** Serves TLS only, and calls only for clients whose certificates are from its authority; see docs/decisions/0038. */
  readonly tls?: TlsSource | undefined;
  /** The phases of a stop, as of `serveHttp`. */
  readonly drain?: Partial<DrainTimes>;
}

/** A gRPC server that listens. Disposing of it stops it. */
export interface GrpcServer extends AsyncDisposable {
  /** `grpc://host:port`, or `grpcs://` with TLS. */
  readonly url: string;
  readonly port: number;
  /**
   * Drains and stops: health says NOT_SERVING, clients are asked to leave (GOAWAY), and the calls in flight, then their deferred tasks,
   * finish. Connections that are still open after `finishMs` are destroyed.
   * @param finishMs overrides `drain.finishMs`
   */
  close(finishMs?: number): Promise<void>;
}

/**
 * Serves one service over gRPC: its methods, health and reflection, on HTTP/2 with or without TLS.
 * @throws {RangeError} for a limit or time outside its range
 * @throws {Error} when the port is in use or the host cannot be bound
 */
export async function serveGrpc(service: Service, options: GrpcServerOptions): Promise<GrpcServer> {
  const limits: GrpcLimits = checkWhole({ ...GRPC_LIMITS, ...options.limits }, GRPC_LIMIT_RANGES);
  const drain = checkWhole({ ...DRAIN_TIMES, ...options.drain }, { notReadyMs: DRAIN_RANGE, finishMs: DRAIN_RANGE });
  const { codec, logger = STDERR_LOGGER, metrics: counted = UNMEASURED, readiness = {} } = options;
  const open: OpenStreams = { calls: 0, streams: 0 };
  const metrics = counted.streamsOf(open);
  let isDraining = false;
  const health = createHealth({
    serviceName: codec.serviceName,
    metrics,
    readiness,
    draining: () => isDraining,
    onNotReady: (check, error) => logger.warn({ check, err: error }, 'not ready'),
  });
  const router: Router = {
    routes: new Map([
      ...serviceRoutes(service, { codec, answerBytesMax: limits.answerBytesMax, metrics, shedOf: counted.shedOf }),
      ...health.routes,
      ...reflectionRoutes([...codec.files, ...vendoredFiles], metrics),
    ]),
    domain: codec.serviceName,
    limits,
    admission: options.admission,
    metrics,
    unknown: metrics.answersOf('other'),
    logger,
    arriving: { total: 0 },
    open,
    streams: new Set(),
  };
  const listener = createListener({
    limits,
    metrics,
    tls: options.tls,
    answer: (connection, stream, headers, rawHeaders) => answerStream(router, connection, stream, headers, rawHeaders),
  });
  const { url, port } = await listener.listen(options);
  const timerLists = keepTimerLists(Object.values(service.contract.methods).map(({ timeoutMs }) => timeoutMs));

  const close = async (finishMs = drain.finishMs): Promise<void> => {
    isDraining = true;
    health.stop();
    if (drain.notReadyMs > 0) await sleep(drain.notReadyMs);
    const finishedBy = performance.now() + finishMs;
    for (const stream of [...router.streams]) stream.stop();
    await listener.close(finishMs);
    await service.drain(Math.max(0, finishedBy - performance.now()));
    timerLists[Symbol.dispose]();
  };
  return { url, port, close, [Symbol.asyncDispose]: () => close() };
}
