import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { stringifyJson } from '../json.ts';
import { acceptRequestId } from '../request-id.ts';
import { RpcError, toRpcError } from '../rpc-error.ts';
import type { Service } from '../server.ts';
import { HttpRefusal, parseBody, readBody, refuseByHeaders } from './body.ts';
import { HTTP_LIMITS, type HttpLimits } from './limits.ts';
import { refuseMalformed } from './malformed.ts';
import { METADATA_HEADERS, type Metadata, metadataOfHeaders } from './metadata.ts';
import { createPages, type Page, type Pages, type ReadinessCheck } from './pages.ts';
import { answerPlain, type HttpAnswer, plainRefusal } from './plain-face.ts';
import { createRpcFace, type RpcFace, refusal } from './rpc-face.ts';

export interface HttpServerOptions {
  /** 0 picks a free one. */
  readonly port: number;
  readonly host: string;
  readonly logger: Logger;
  readonly registry?: Registry;
  readonly readiness?: Readonly<Record<string, ReadinessCheck>>;
  readonly limits?: Partial<HttpLimits>;
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /**
   * Stops in good order: not ready at once, no new connections, calls under way finish, then closed.
   * @param graceMs after this long, what is still under way is cut off
   */
  close(graceMs?: number): Promise<void>;
}

/** What a closing server waits for calls under way; the longest timeout of a contract is 15 s, most are below one. */
const CLOSE_GRACE_MS = 4_000;

/**
 * Serves one service over HTTP: both faces and every page.
 * @throws {Error} with one sentence when the port cannot be had
 */
export async function serveHttp(service: Service, options: HttpServerOptions): Promise<HttpServer> {
  const limits: HttpLimits = { ...HTTP_LIMITS, ...options.limits };
  let draining = false;
  const pages = createPages({
    contract: service.contract,
    registry: options.registry ?? new Registry(),
    readiness: options.readiness ?? {},
    draining: () => draining,
    onNotReady: (check, error) => options.logger.warn({ check, err: error }, 'not ready'),
  });
  const face = createRpcFace(service, () => pages.openRpc, limits);
  const router: Router = { service, pages, face, limits, draining: () => draining, logger: options.logger };
  const unanswered = new WeakMap<Duplex, Set<ServerResponse>>();
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const owed = unanswered.get(request.socket) ?? new Set();
    unanswered.set(request.socket, owed.add(response));
    response.once('close', () => owed.delete(response));
    void exchange(router, request, response);
  };
  const server = createServer(serverOptions(limits), handle);
  // Without this, Node asks for a body that is refused by its headers anyway.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (!isRefusedByHeaders(request, limits)) response.writeContinue();
    handle(request, response);
  });
  server.on('clientError', (error, socket) => refuseMalformed(error, socket, unanswered.get(socket) ?? [], limits));
  server.maxConnections = limits.connectionsMax;
  await startListening(server, options);
  const { port } = server.address() as AddressInfo;

  const close = async (graceMs = CLOSE_GRACE_MS): Promise<void> => {
    draining = true;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cutOff);
  };
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
    // How often the two timeouts above are looked at; the default of 30 s would make them mean little.
    connectionsCheckingInterval: 1_000,
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

interface Router {
  readonly service: Service;
  readonly pages: Pages;
  readonly face: RpcFace;
  readonly limits: HttpLimits;
  readonly draining: () => boolean;
  readonly logger: Logger;
}

/** One request and its answer. It never rejects: whatever goes wrong becomes an answer or a log line. */
async function exchange(router: Router, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new RpcError('cancelled', 'The caller went away'));
  });
  const requestId = acceptRequestId(request.headers[METADATA_HEADERS.requestId] as string | undefined);
  request.headers[METADATA_HEADERS.requestId] = requestId;
  response.setHeader(METADATA_HEADERS.requestId, requestId);
  try {
    const answer = await route(router, request, gone.signal, requestId);
    await write(router, request, response, answer);
  } catch (error) {
    router.logger.error({ err: error, request_id: requestId }, 'request could not be answered');
    if (response.headersSent) response.destroy();
    else await write(router, request, response, plainRefusal(error, requestId));
  }
}

async function route(
  router: Router,
  request: IncomingMessage,
  signal: AbortSignal,
  requestId: string,
): Promise<HttpAnswer | Page> {
  const { service, pages, limits } = router;
  const path = pathOf(request);
  const verb = request.method === 'HEAD' ? 'GET' : request.method;
  try {
    refuseUnclearHost(request);
    if (path === '/rpc') return await routeRpc(router, request, signal, requestId);
    const page = pages.routes.get(path);
    if (page) return verb === 'GET' ? await page() : notAllowed(['GET', 'HEAD'], requestId);
    const name = path.slice(1);
    const method = Object.hasOwn(service.contract.methods, name) ? service.contract.methods[name] : undefined;
    if (!method) throw new RpcError('method_not_found', 'Nothing is at this address; GET /docs lists what there is');
    if (verb !== 'POST' && !(method.reads && verb === 'GET')) {
      return notAllowed(method.reads ? ['GET', 'HEAD', 'POST'] : ['POST'], requestId);
    }
    return await answerPlain(service, name, request, metadataOfHeaders(request.headers), signal, limits);
  } catch (error) {
    logHidden(router, error, requestId);
    return plainRefusal(error, requestId);
  }
}

/** RFC 9112, section 3.2.2: a server must understand a whole URL in the request line too; proxies are sent such. */
function pathOf({ url = '/' }: IncomingMessage): string {
  const path = url.startsWith('/') ? url : (URL.parse(url)?.pathname ?? url);
  return path.split('?', 1)[0] as string;
}

async function routeRpc(
  router: Router,
  request: IncomingMessage,
  signal: AbortSignal,
  requestId: string,
): Promise<HttpAnswer> {
  if (request.method !== 'POST') return notAllowed(['POST'], requestId);
  let metadata: Metadata = { requestId };
  try {
    metadata = metadataOfHeaders(request.headers);
    const parsed = parseBody(await readBody(request, router.limits), router.limits);
    const body = await router.face.answer(parsed, metadata, signal);
    return body === undefined ? { status: 204, body } : { status: 200, body };
  } catch (error) {
    // What was never parsed into a call has no id to answer under.
    const { status, headers } = plainRefusal(error, requestId);
    return { status, headers, body: refusal(null, toRpcError(error), metadata) };
  }
}

/**
 * RFC 9112, section 3.2: 400 to a request with no Host or with several. A proxy in front may have gone by another one
 * than whoever is behind it.
 */
function refuseUnclearHost({ rawHeaders, httpVersion }: IncomingMessage): void {
  let hosts = 0;
  // Names and values by turns; the joined headers keep the first Host only.
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) throw new HttpRefusal(400, 'Send one Host header');
}

function notAllowed(verbs: readonly string[], requestId: string): HttpAnswer {
  const refused = plainRefusal(new HttpRefusal(405, `This address takes ${verbs.join(' or ')} only`), requestId);
  return { ...refused, headers: { allow: verbs.join(', ') } };
}

/** A page that broke would otherwise vanish behind "Internal error"; calls are logged by the logging interceptor. */
function logHidden(router: Router, error: unknown, requestId: string): void {
  if (!(error instanceof RpcError)) router.logger.error({ err: error, request_id: requestId }, 'page failed');
}

function isRefusedByHeaders(request: IncomingMessage, limits: HttpLimits): boolean {
  try {
    refuseByHeaders(request, limits);
    return false;
  } catch {
    return true;
  }
}

async function write(
  { limits, draining }: Router,
  request: IncomingMessage,
  response: ServerResponse,
  answer: HttpAnswer | Page,
): Promise<void> {
  if (response.destroyed) return;
  const text = toText(answer);
  const headers: Record<string, string | number> = { ...answer.headers };
  if (answer.status !== 204) {
    headers['content-type'] ??= 'application/json';
    headers['content-length'] = Buffer.byteLength(text);
  }
  // Only now is it known whether more may come on this connection: a call that began before the drain ends within it.
  if (draining()) headers.connection = 'close';
  // A sender that asked for leave to send its body and did not get it sends none.
  const nothingToCome = request.complete || (request.headers.expect && isRefusedByHeaders(request, limits));
  if (nothingToCome) {
    response.writeHead(answer.status, headers).end(request.method === 'HEAD' ? '' : text);
    return;
  }
  // The body was refused before it was read. Closing at once would reset the connection under the sender's hands, and
  // the answer would be lost; so it is sent first, and a bounded rest is read on and thrown away.
  response.writeHead(answer.status, { ...headers, connection: 'close' }).write(text);
  await discardBody(request, limits);
  response.end();
}

function toText(answer: HttpAnswer | Page): string {
  if ('text' in answer) return answer.text;
  return answer.body === undefined ? '' : stringifyJson(answer.body);
}

async function discardBody(request: IncomingMessage, limits: HttpLimits): Promise<void> {
  let bytes = 0;
  const timer = setTimeout(() => request.destroy(), limits.requestTimeoutMs);
  const done = new Promise<void>((resolve) => {
    request.once('close', resolve);
    request.once('end', resolve);
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limits.discardBytesMax) request.destroy();
    });
  });
  request.resume();
  await done;
  clearTimeout(timer);
}
