import type { IncomingMessage } from 'node:http';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import {
  type BrowserBoundary,
  createBrowserBoundary,
  createListener,
  type HttpListener,
  pathOf,
  refuseUnclearRequest,
} from 'rpc-kit/http-server';
import { httpMetrics } from 'rpc-kit/metrics';
import { addDocs } from './documents/docs.ts';
import { RestError, toOwnRefusal } from './rest-error.ts';
import { PREFIX, ROUTES } from './routes/index.ts';
import { addRoute, type RouteParts } from './serving/add-route.ts';
import { type AllowedMethods, createAllowedMethods } from './serving/allowed-methods.ts';
import { LIMITS, readJson } from './serving/body.ts';
import { exchangeOf, openExchanges } from './serving/exchange.ts';
import { addPages, PAGES } from './serving/pages.ts';
import { createSendError, notFound } from './serving/send-error.ts';
import { SESSION_MODE } from './session-cookies.ts';

export interface AppParts extends RouteParts {
  readonly logger: Logger;
  readonly registry: Registry;
  /** The address that the server is bound to. */
  readonly host: string;
  readonly allowedHosts?: readonly string[] | undefined;
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Addresses and networks whose X-Forwarded-For counts. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** The URL of the gateway as clients know it. */
  readonly publicUrl: string;
}

export interface App extends AsyncDisposable {
  listen(port: number): Promise<{ readonly url: string; readonly port: number }>;
}

/** The part of the 4.5 s of a stop in which requests in flight finish, as in every service. */
const FINISH_MS = 3_500;

/** Composes the REST API. Disposing drains it: /readyz fails, no connection is accepted, and requests in flight finish. */
export async function createApp(parts: AppParts): Promise<App> {
  const { logger, registry, host } = parts;
  const rows = Object.values(ROUTES).flat();
  const labels = [...rows.map(({ path }) => `${PREFIX}${path}`), ...PAGES];
  const metrics = httpMetrics(registry).requestsAt(new Set(labels));
  let closing = false;
  let listener: HttpListener | undefined;
  const sendError = createSendError({ logger, closing: () => closing });

  const app = fastify({
    serverFactory(handler) {
      listener = createListener({ limits: LIMITS, metrics, answer: openExchanges(handler, { logger, metrics }) });
      return listener.server;
    },
    // The listener refuses what is no request.
    clientErrorHandler: () => {},
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
    // A request that has arrived is answered, as in every service.
    return503OnClosing: false,
    trustProxy: parts.trustedProxies ? [...parts.trustedProxies] : false,
    genReqId: (request) => exchangeOf(request as IncomingMessage).requestId,
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false },
  });
  app.setValidatorCompiler(validatorCompiler as never);
  app.setSerializerCompiler(serializerCompiler as never);
  app.setErrorHandler(sendError);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', ({ raw }: FastifyRequest) => readJson(raw));

  const allowed = createAllowedMethods(rows, PAGES);
  addBoundary(app, createBrowserBoundary(boundaryOptions(parts)), allowed);
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
  await app.register(helmet, HELMET);
  await app.register(cors, corsOptions(boundaryOptions(parts).allowedOrigins));
  await app.register(cookie);
  // Also called by the files of /docs.
  app.setNotFoundHandler((request) => {
    throw refusalAt(pathOf(request.raw), allowed);
  });
  // Before Fastify judges or reads the body of a request that no route takes. After the headers for pages of other origins.
  app.addHook('onRequest', async ({ is404, raw }) => {
    if (is404) throw refusalAt(pathOf(raw), allowed);
  });
  for (const row of rows) addRoute(app, row, parts);
  addPages(app, { registry, logger, services: parts.services, draining: () => closing });
  await addDocs(app, parts.publicUrl);
  await app.ready();

  return {
    listen: (port) => (listener as HttpListener).listen({ host, port }),
    async [Symbol.asyncDispose]() {
      closing = true;
      await listener?.close(FINISH_MS);
      await app.close();
    },
  };
}

/** The public address is this service's own host and origin, also behind a proxy that ends TLS. */
function boundaryOptions({ host, publicUrl, allowedHosts = [], allowedOrigins = [] }: AppParts) {
  const own = new URL(publicUrl);
  return {
    host,
    allowedHosts: [...allowedHosts, own.host],
    allowedOrigins: [...allowedOrigins, own.origin],
  };
}

/** Before everything else: which requests are clear, and which pages may send them. */
function addBoundary(app: FastifyInstance, boundary: BrowserBoundary, allowed: AllowedMethods): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    const path = pathOf(request.raw);
    try {
      refuseUnclearRequest(request.raw);
      refuseUnclearQuery(request.url);
      boundary.admit(request.raw, path);
    } catch (error) {
      throw toOwnRefusal(error);
    }
    if (request.method === 'OPTIONS') reply.header('allow', ['OPTIONS', ...allowed(path)].join(', '));
  });
}

/** The parser of queries would keep a broken escape as it is, or as U+FFFD. Routes refuse one in the path. */
function refuseUnclearQuery(url: string): void {
  const start = url.indexOf('?');
  if (start < 0) return;
  try {
    decodeURIComponent(url.slice(start));
  } catch {
    throw new RestError(400, 'invalid_request', 'The query is not percent-encoded UTF-8');
  }
}

function refusalAt(path: string, allowed: AllowedMethods): RestError {
  const methods = allowed(path);
  if (methods.length === 0) return notFound();
  return new RestError(405, 'invalid_request', `This address takes ${methods.join(', ')} only`, {
    headers: { allow: methods.join(', ') },
  });
}

/** The API answers data, so nothing may be loaded by it; the pages of /docs bring their own policy. */
const HELMET = {
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
} as const;

const EXPOSED_HEADERS = [
  'etag',
  'link',
  'location',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'www-authenticate',
  'x-request-id',
];

/** CORS only for listed origins, never for all: credentials are allowed. */
function corsOptions(origins: readonly string[]) {
  return {
    origin: [...origins],
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    allowedHeaders: [
      'authorization',
      'content-type',
      'idempotency-key',
      'if-match',
      'if-none-match',
      'x-request-id',
      SESSION_MODE.header,
    ],
    exposedHeaders: EXPOSED_HEADERS,
    // Saves a round trip before each request; a browser notices a changed list within ten minutes.
    maxAge: 600,
    strictPreflight: false,
  };
}
