import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { createCanceller } from '../../deadline.ts';
import type { RpcError } from '../../rpc-error.ts';
import { checkWhole, LIMIT } from '../../schema/whole-number.ts';
import type { Service } from '../../server.ts';
import type { ConcurrencyLimit } from '../../serving/concurrency-limit.ts';
import { overloaded } from '../../serving/load-shedding.ts';
import { isRefusedByHeaders } from './answer.ts';
import { HttpRefusal } from './body.ts';
import { createBrowserBoundary } from './browser-boundary.ts';
import { createHttpMetrics } from './http-metrics.ts';
import { HTTP_LIMIT_RANGES, HTTP_LIMITS, type HttpLimits } from './limits.ts';
import { LoopStalls } from './loop-stalls.ts';
import { type Connection, isMalformed, isTimeout, refuseConnection, requestOnItsWay, toRefusal } from './malformed.ts';
import { createPages, type ReadinessCheck } from './pages.ts';
import { answerRequest, type Router } from './router.ts';
import { createRpcFace } from './rpc-face.ts';

/** Where a service listens, what it tells of itself, and its limits. */
export interface HttpServerOptions {
  /** 0 picks a free one. */
  readonly port: number;
  readonly host: string;
  readonly logger: Logger;
  readonly registry?: Registry;
  readonly readiness?: Readonly<Record<string, ReadinessCheck>>;
  readonly limits?: Partial<HttpLimits>;
  /** Names beside the loopback ones and `host` that browsers may ask this service by, with a port or for every port. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Origins of other web pages that may call this service, e.g. `https://shop.example`. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /**
   * The limit that the service's `shedLoad` keeps to: when it has no room, requests are refused before their bodies are
   * read, which costs least.
   */
  readonly admission?: ConcurrencyLimit;
  /** How a stop goes; see `close`. */
  readonly drain?: Partial<DrainTimes>;
}

/** The stations of a stop, in milliseconds. */
export interface DrainTimes {
  /** Not ready, but serving as ever: as long as whoever sends traffic here takes to notice. */
  readonly notReadyMs: number;
  /** Then no new connections, and time for the calls under way and for what they have deferred. */
  readonly finishMs: number;
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /**
   * Stops in good order: not ready; then every connection is closed with its next answer and no new one is taken; the calls
   * under way finish, then what they deferred. What takes longer is cut off.
   * @param finishMs in place of what `drain` says
   */
  close(finishMs?: number): Promise<void>;
}

const DRAIN_TIMES = {
  // Clients of this kit notice a closed port at once and call another endpoint; a balancer that asks /readyz needs time.
  notReadyMs: 0,
  // The longest timeout of a contract here is 15 s, most are below one; whoever starts processes waits 5 s for their end.
  finishMs: 3_500,
} as const satisfies DrainTimes;

const DRAIN = { ...LIMIT, min: 0 };

/**
 * How long idle connections stay open at a stop, in milliseconds. A request that is just on its way into a connection that is
 * closed fails, and its sender cannot know whether it was executed. Under load each connection has its next request, and with
 * the answer to it the word that it is the last one, much sooner than this; what is idle for as long is hardly about to be used.
 */
const LINGER_MS = 200;

/** How often the timeouts of requests on their way are checked; Node's default of 30 s would make them mean little. */
const TIMEOUT_CHECK_MS = 1_000;

/**
 * The share of a timeout that the event loop has stalled for when a late request is this server's fault. Shorter stalls do not
 * make a sender late that had the rest of the time; a larger share would blame senders that the server has left too little.
 */
const STALLED_SHARE = 0.25;

/**
 * Serves one service over HTTP: both faces and every page.
 * @throws {RangeError} for a limit or time outside its range
 * @throws {Error} with one sentence when the port cannot be had
 */
export async function serveHttp(service: Service, options: HttpServerOptions): Promise<HttpServer> {
  const limits: HttpLimits = checkWhole({ ...HTTP_LIMITS, ...options.limits }, HTTP_LIMIT_RANGES);
  const drain = checkWhole({ ...DRAIN_TIMES, ...options.drain }, { notReadyMs: DRAIN, finishMs: DRAIN });
  let stage: 'serving' | 'not ready' | 'closing' = 'serving';
  const { admission, logger } = options;
  const registry = options.registry ?? new Registry();
  const pages = createPages({
    contract: service.contract,
    registry,
    readiness: options.readiness ?? {},
    draining: () => stage !== 'serving',
    onNotReady: (check, error) => logger.warn({ check, err: error }, 'not ready'),
  });
  const face = createRpcFace(service, pages.openRpcAt, limits, logger);
  const boundary = createBrowserBoundary(options);
  const addresses = [
    '/rpc',
    ...pages.routes.keys(),
    ...Object.keys(service.contract.methods).map((name) => `/${name}`),
  ];
  const metrics = createHttpMetrics(registry, new Set(addresses));
  const closing = (): boolean => stage === 'closing';
  const router: Router = { service, pages, face, limits, boundary, admission, closing, logger, metrics };
  const connections = new WeakMap<Duplex, Connection>();
  const connectionOf = (socket: Duplex): Connection => {
    const known = connections.get(socket);
    if (known) return known;
    const made: Connection = { unanswered: new Map(), isRefused: false };
    connections.set(socket, made);
    return made;
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { unanswered, isRefused } = connectionOf(request.socket);
    if (isRefused) return;
    const caller = createCanceller();
    unanswered.set(response, caller);
    void answerRequest(router, request, response, caller, () => unanswered.delete(response));
  };
  const stalls = new LoopStalls(Math.max(limits.headersTimeoutMs, limits.requestTimeoutMs) + TIMEOUT_CHECK_MS);
  const toLateRefusal = (connection: Connection): RpcError => {
    const timeoutMs = requestOnItsWay(connection) ? limits.requestTimeoutMs : limits.headersTimeoutMs;
    const isOurs = stalls.within(timeoutMs + TIMEOUT_CHECK_MS) >= timeoutMs * STALLED_SHARE;
    return isOurs ? overloaded() : new HttpRefusal(408, 'The request took too long to arrive');
  };
  const server = createServer(serverOptions(limits), handle);
  // Without this, Node asks for a body that is refused by its headers anyway.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const { isRefused } = connectionOf(request.socket);
    if (!isRefused && !isRefusedByHeaders(request, limits)) response.writeContinue();
    handle(request, response);
  });
  server.on('checkExpectation', handle);
  server.on('clientError', (error, socket) => {
    if (!isMalformed(error)) {
      socket.destroy();
      return;
    }
    const connection = connectionOf(socket);
    // A parser that has failed fails again with all that arrives.
    if (connection.isRefused) return;
    const refusal = isTimeout(error) ? toLateRefusal(connection) : toRefusal(error, limits);
    metrics.refused(refusal.code === 'unavailable' ? 'server' : 'malformed');
    void refuseConnection(error, socket, connection, refusal);
  });
  server.maxConnections = limits.connectionsMax;
  await startListening(server, options);
  const { port } = server.address() as AddressInfo;

  const close = async (finishMs = drain.finishMs): Promise<void> => {
    stage = 'not ready';
    if (drain.notReadyMs > 0) await sleep(drain.notReadyMs);
    stage = 'closing';
    const finishedBy = performance.now() + finishMs;
    // node:http's own `close` would close idle connections right now; this one only takes no new ones.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
    // In the phase after reading: what has arrived meanwhile makes its connection a busy one.
    const closeIdle = (): unknown => setImmediate(() => server.closeIdleConnections());
    const lingering = setTimeout(closeIdle, Math.min(LINGER_MS, finishMs));
    const cutOff = setTimeout(() => server.closeAllConnections(), finishMs);
    await closed;
    clearTimeout(lingering);
    clearTimeout(cutOff);
    // Stops the timer by which node:http checks its timeouts.
    server.close();
    stalls[Symbol.dispose]();
    await service.drain(Math.max(0, finishedBy - performance.now()));
  };
  // RFC 3986, section 3.2.2: an IPv6 address stands in brackets.
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return { url: `http://${host}:${port}`, port, close, [Symbol.asyncDispose]: () => close() };
}

function serverOptions(limits: HttpLimits) {
  return {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.headerBytesMax,
    // Looked at together with doubled ones, and answered in our own form.
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
