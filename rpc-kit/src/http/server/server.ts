import { createServer, type Server, type ServerOptions } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { checkWhole, LIMIT } from '../../schema/whole-number.ts';
import type { Service } from '../../server.ts';
import type { ConcurrencyLimit } from '../../serving/concurrency-limit.ts';
import { createBrowserBoundary } from './browser-boundary.ts';
import { serveConnections, TIMEOUT_CHECK_MS } from './connections.ts';
import { createHttpMetrics } from './http-metrics.ts';
import { HTTP_LIMIT_RANGES, HTTP_LIMITS, type HttpLimits } from './limits.ts';
import { createPages, type ReadinessCheck } from './pages.ts';
import type { Router } from './router.ts';
import { createRpcFace } from './rpc-face.ts';

export interface HttpServerOptions {
  /** 0 picks a free port. */
  readonly port: number;
  readonly host: string;
  readonly logger: Logger;
  readonly registry?: Registry;
  readonly readiness?: Readonly<Record<string, ReadinessCheck>>;
  readonly limits?: Partial<HttpLimits>;
  /** Hosts, besides `host` and the loopback names, by which browsers may address the service; with a port, or for every port. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Origins of other web pages that may call this service, e.g. `https://shop.example`. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** The limit of the service's `shedLoad`. When it is full, requests are refused before their bodies are read, which costs least. */
  readonly admission?: ConcurrencyLimit;
  /** The phases of a stop; see `close`. */
  readonly drain?: Partial<DrainTimes>;
}

/** The phases of a stop, in milliseconds. */
export interface DrainTimes {
  /** `/readyz` fails while the server still serves: the time that a load balancer needs to notice. */
  readonly notReadyMs: number;
  /** No new connections; calls in flight and their deferred tasks finish. */
  readonly finishMs: number;
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /**
   * Drains and stops: fails readiness, stops accepting, closes each connection with its next answer, and waits for the calls in
   * flight, then for their deferred tasks. Connections that are still open after `finishMs` are destroyed.
   * @param finishMs overrides `drain.finishMs`
   */
  close(finishMs?: number): Promise<void>;
}

const DRAIN_TIMES = {
  // Clients of this kit notice a closed port at once and call another endpoint; a load balancer that polls /readyz needs time.
  notReadyMs: 0,
  // Most timeouts are below one second, and supervisors commonly wait 5 s before they kill a process.
  finishMs: 3_500,
} as const satisfies DrainTimes;

const DRAIN = { ...LIMIT, min: 0 };

/**
 * How long idle connections stay open at a stop. A request that is on its way into a connection that closes fails, and its
 * sender cannot know whether it was executed; a connection that was idle for this long rarely gets another request.
 */
const LINGER_MS = 200;

/**
 * Serves one service over HTTP: both faces and every page.
 * @throws {RangeError} for a limit or time outside its range
 * @throws {Error} when the port is in use or the host cannot be bound
 */
export async function serveHttp(service: Service, options: HttpServerOptions): Promise<HttpServer> {
  const limits: HttpLimits = checkWhole({ ...HTTP_LIMITS, ...options.limits }, HTTP_LIMIT_RANGES);
  const drain = checkWhole({ ...DRAIN_TIMES, ...options.drain }, { notReadyMs: DRAIN, finishMs: DRAIN });
  let stage: 'serving' | 'not ready' | 'closing' = 'serving';
  const router = createRouter(service, limits, options, {
    draining: () => stage !== 'serving',
    closing: () => stage === 'closing',
  });
  const server = createServer(serverOptions(limits));
  server.maxConnections = limits.connectionsMax;
  const stalls = serveConnections(server, router);
  await startListening(server, options);
  const { port } = server.address() as AddressInfo;

  const close = async (finishMs = drain.finishMs): Promise<void> => {
    stage = 'not ready';
    if (drain.notReadyMs > 0) await sleep(drain.notReadyMs);
    stage = 'closing';
    const finishedBy = performance.now() + finishMs;
    await closeConnections(server, finishMs);
    stalls[Symbol.dispose]();
    await service.drain(Math.max(0, finishedBy - performance.now()));
  };
  // RFC 3986, section 3.2.2: an IPv6 address stands in brackets.
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return { url: `http://${host}:${port}`, port, close, [Symbol.asyncDispose]: () => close() };
}

interface StopSignals {
  readonly draining: () => boolean;
  readonly closing: () => boolean;
}

function createRouter(
  service: Service,
  limits: HttpLimits,
  options: HttpServerOptions,
  { draining, closing }: StopSignals,
): Router {
  const { admission, logger, readiness = {}, registry = new Registry() } = options;
  const { contract } = service;
  const onNotReady = (check: string, error: unknown) => logger.warn({ check, err: error }, 'not ready');
  const pages = createPages({ contract, registry, readiness, draining, onNotReady });
  const face = createRpcFace(service, pages.openRpcAt, limits, logger);
  const boundary = createBrowserBoundary(options);
  const addresses = ['/rpc', ...pages.routes.keys(), ...Object.keys(contract.methods).map((name) => `/${name}`)];
  const metrics = createHttpMetrics(registry, new Set(addresses));
  return { service, pages, face, limits, boundary, admission, closing, logger, metrics };
}

function serverOptions(limits: HttpLimits): ServerOptions {
  return {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.headerBytesMax,
    // The router checks for a missing and for a repeated Host, and refuses both in the same form.
    requireHostHeader: false,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    noDelay: true,
  };
}

function startListening(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE' ? 'is in use: stop what listens there or choose another PORT' : error.message;
      reject(new Error(`${host}:${port} ${why}`, { cause: error }));
    });
    server.listen({ host, port }, () => resolve());
  });
}

async function closeConnections(server: Server, finishMs: number): Promise<void> {
  // node:http's own `close` would close idle connections at once; net's stops accepting and leaves them open.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  // setImmediate runs after the poll phase: a connection whose request has just arrived is not idle.
  const closeIdle = (): unknown => setImmediate(() => server.closeIdleConnections());
  const lingering = setTimeout(closeIdle, Math.min(LINGER_MS, finishMs));
  const destroying = setTimeout(() => server.closeAllConnections(), finishMs);
  await closed;
  clearTimeout(lingering);
  clearTimeout(destroying);
  // Stops node:http's connection-check timer.
  server.close();
}
