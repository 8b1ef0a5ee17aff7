import type { Canceller } from '../../deadline.ts';
import type { Place } from '../../documents/place.ts';
import type { Service } from '../../server.ts';
import type { ConcurrencyLimit } from '../../serving/concurrency-limit.ts';
import { type Logger, STDERR_LOGGER } from '../../telemetry/logger.ts';
import { createBrowserBoundary, type Scheme } from './browser-boundary.ts';
import { type HttpServerMetrics, UNMEASURED } from './http-metrics.ts';
import type { HttpLimits } from './limits.ts';
import { createPages, type ReadinessCheck } from './pages.ts';
import { methodsByPath, type Router } from './router.ts';
import { createRpcFace } from './rpc-face.ts';

/** What is configured alike for a server of its own and for a service that is mounted on another server. */
export interface ServingOptions {
  /** Default: warnings and errors as JSON lines on stderr. */
  readonly logger?: Logger;
  /** `httpMetrics` of rpc-kit/metrics. Default: nothing is counted, and `/metrics` is a page without metrics. */
  readonly metrics?: HttpServerMetrics;
  readonly readiness?: Readonly<Record<string, ReadinessCheck>>;
  /** Hosts, besides the loopback names and the server's `host`, that requests may name; with a port, or for every port. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Origins of other web pages that may call this service, e.g. `https://shop.example`. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** The limit of the service's `shedLoad`. When it is full, requests are refused before their bodies are read, which costs least. */
  readonly admission?: ConcurrencyLimit;
}

export interface RouterOptions extends ServingOptions {
  readonly limits: HttpLimits;
  readonly place: Place;
  readonly scheme: Scheme;
  /** The address that the server is bound to. */
  readonly host: string;
  readonly isMutualTls: boolean;
  /** True once the service is stopping. */
  readonly draining: () => boolean;
  readonly closing: () => boolean;
}

export function createRouter(service: Service, options: RouterOptions): Router {
  const { admission, limits, place, scheme, isMutualTls, draining, closing } = options;
  const { logger = STDERR_LOGGER, readiness = {}, metrics: counted = UNMEASURED } = options;
  const { contract } = service;
  const { prefix } = place;
  const onNotReady = (check: string, error: unknown) => logger.warn({ check, err: error }, 'not ready');
  const metricsPage = counted.page;
  const pages = createPages({ contract, place, metricsPage, readiness, draining, onNotReady, scheme });
  const rpcPath = `${prefix}/rpc`;
  const methods = methodsByPath(contract, prefix);
  return {
    service,
    rpcPath,
    methods,
    pages,
    face: createRpcFace(service, pages.openRpcAt, limits, logger),
    limits,
    boundary: createBrowserBoundary({ ...options, linkedPages: [...pages.roots, `${prefix}/docs`] }),
    streams: new Set<Canceller>(),
    admission,
    closing,
    logger,
    metrics: counted.requestsAt(new Set([rpcPath, ...pages.routes.keys(), ...methods.keys()])),
    isMutualTls,
  };
}
