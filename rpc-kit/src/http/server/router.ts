import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { MethodContract } from '../../contract.ts';
import type { Canceller } from '../../deadline.ts';
import { RpcError, toRpcError } from '../../rpc-error.ts';
import type { Service } from '../../server.ts';
import type { ConcurrencyLimit, Priority } from '../../serving/concurrency-limit.ts';
import { overloaded, priorityOf } from '../../serving/load-shedding.ts';
import { acceptRequestId } from '../../telemetry/request-id.ts';
import { AS_THEY_COME, METADATA_HEADERS, type Metadata, metadataOfRequest } from '../metadata.ts';
import { writeAnswer, writePart } from './answer.ts';
import type { SendPart } from './batch.ts';
import { HttpRefusal, parseBody, readBody } from './body.ts';
import { type BrowserBoundary, PREFLIGHT_ANSWER } from './browser-boundary.ts';
import type { HttpMetrics } from './http-metrics.ts';
import type { HttpLimits } from './limits.ts';
import { type Page, type Pages, prefersHtml } from './pages.ts';
import { answerPlain, type HttpAnswer, plainRefusal } from './plain-face.ts';
import { pathOf, refuseUnclearRequest } from './request-line.ts';
import { isCallId, type RpcFace, refusal } from './rpc-face.ts';
import { refuseUntrusted } from './tls-server.ts';

export interface Router {
  readonly service: Service;
  readonly pages: Pages;
  readonly face: RpcFace;
  readonly limits: HttpLimits;
  readonly boundary: BrowserBoundary;
  readonly admission: ConcurrencyLimit | undefined;
  /** Whether each connection closes with its next answer. */
  readonly closing: () => boolean;
  readonly logger: Logger;
  readonly metrics: HttpMetrics;
  readonly isMutualTls: boolean;
}

/** One request in flight. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly requestId: string;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
  /** Headers that interceptors add to the answer. */
  readonly answerHeaders: Map<string, string>;
  /** Sends the beginning of an answer with status 200 while the rest is still in flight. */
  readonly sendPart: SendPart;
}

/**
 * Answers one request. Never rejects: every failure becomes an answer or a log line.
 * @param caller cancelled when the caller leaves
 * @param onClose called when the answer is sent, or the connection closed
 */
export async function answerRequest(
  router: Router,
  request: IncomingMessage,
  response: ServerResponse,
  caller: Canceller,
  onClose: () => void,
): Promise<void> {
  const startedAt = performance.now();
  response.once('close', () => {
    onClose();
    router.metrics.ended({
      verb: request.method,
      path: pathOf(request),
      status: response.statusCode,
      finished: response.writableFinished,
      ms: performance.now() - startedAt,
    });
    if (!response.writableFinished) caller.cancel(new RpcError('cancelled', 'The caller went away'));
  });
  const requestId = acceptRequestId(request.headers[METADATA_HEADERS.requestId] as string | undefined);
  const answerHeaders = new Map([...router.boundary.headers, [METADATA_HEADERS.requestId, requestId]]);
  const finish = (answer: HttpAnswer | Page) => writeAnswer(request, response, answer, answerHeaders, router);
  try {
    const sendPart = (text: string) => writePart(response, text, answerHeaders, router);
    await finish(await route(router, { request, requestId, signal: caller.signal, answerHeaders, sendPart }));
  } catch (error) {
    router.logger.error({ err: error, request_id: requestId }, 'request could not be answered');
    if (response.headersSent) response.destroy();
    else await finish(refusalAt(pathOf(request), error, requestId));
  }
}

/** In the form of the requested face. */
function refusalAt(path: string, error: unknown, requestId: string): HttpAnswer {
  return path === '/rpc' ? rpcRefusal(error, { requestId }) : plainRefusal(error, requestId);
}

/** A request that was never parsed into a call has no id, nor has an answer that could not be serialized. */
function rpcRefusal(error: unknown, metadata: Metadata): HttpAnswer {
  const { status, headers } = plainRefusal(error, metadata.requestId);
  return { status, headers, body: refusal(null, toRpcError(error), metadata) };
}

async function route(router: Router, exchange: Exchange): Promise<HttpAnswer | Page> {
  const { request, requestId } = exchange;
  const path = pathOf(request);
  try {
    if (router.isMutualTls) refuseUntrusted(request, path);
    refuseUnclearRequest(request);
    const corsHeaders = router.boundary.admit(request, path);
    for (const [name, value] of corsHeaders) exchange.answerHeaders.set(name, value);
    if (corsHeaders.length > 0 && request.method === 'OPTIONS') return PREFLIGHT_ANSWER;
    if (path === '/rpc') return await routeRpc(router, exchange);
    const verb = request.method === 'HEAD' ? 'GET' : request.method;
    if (path === '/' && verb === 'GET' && prefersHtml(request.headers.accept)) return router.pages.forBrowsers;
    const page = router.pages.routes.get(path);
    if (page) return verb === 'GET' ? await page(request.headers.host) : notAllowed(['GET', 'HEAD'], requestId);
    const name = path.slice(1);
    const { methods } = router.service.contract;
    const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
    if (!method) throw new RpcError('method_not_found', 'Nothing is at this address; GET /docs lists what there is');
    if (verb !== 'POST' && !(method.reads && verb === 'GET')) {
      return notAllowed(method.reads ? ['GET', 'HEAD', 'POST'] : ['POST'], requestId);
    }
    return await routePlain(router, exchange, name, method);
  } catch (error) {
    logHidden(router, error, requestId);
    return refusalAt(path, error, requestId);
  }
}

async function routePlain(
  { service, limits, admission }: Router,
  { request, requestId, signal, answerHeaders }: Exchange,
  name: string,
  contract: MethodContract,
): Promise<HttpAnswer> {
  refuseWithoutRoom(admission, priorityOf({ contract }));
  const metadata = metadataOfRequest(request, requestId);
  return answerPlain(service, name, request, { metadata, signal, answerHeaders }, limits);
}

async function routeRpc(
  { face, limits, admission }: Router,
  { request, requestId, signal, answerHeaders, sendPart }: Exchange,
): Promise<HttpAnswer | Page> {
  if (request.method !== 'POST') return notAllowed(['POST'], requestId);
  let metadata: Metadata = { requestId };
  try {
    // The methods, and so their priorities, are unknown before the body is read: only a full service refuses here.
    refuseWithoutRoom(admission, 'high');
    metadata = metadataOfRequest(request, requestId);
    const parsed = parseBody(await readBody(request, limits), limits, isCallId);
    const takesParts = request.headers[AS_THEY_COME.name] === AS_THEY_COME.value;
    const context = { metadata, host: request.headers.host, signal, answerHeaders };
    const text = await face.answer(parsed, context, takesParts ? sendPart : undefined);
    return text === undefined ? { status: 204, body: undefined } : { status: 200, headers: {}, text };
  } catch (error) {
    return rpcRefusal(error, metadata);
  }
}

/** A refusal costs least before the body is read. The interceptor `shedLoad` takes a slot for each call later. */
function refuseWithoutRoom(admission: ConcurrencyLimit | undefined, priority: Priority): void {
  if (admission && !admission.hasRoom(priority)) throw overloaded();
}

function notAllowed(verbs: readonly string[], requestId: string): HttpAnswer {
  const refused = plainRefusal(new HttpRefusal(405, `This address takes ${verbs.join(' or ')} only`), requestId);
  return { ...refused, headers: { allow: verbs.join(', ') } };
}

/** Logs the failure of a page, whose answer says only "Internal error". The logging interceptor logs calls. */
function logHidden(router: Router, error: unknown, requestId: string): void {
  if (!(error instanceof RpcError)) router.logger.error({ err: error, request_id: requestId }, 'page failed');
}
