import type { TLSSocket } from 'node:tls';
import { RpcError, toRpcError } from '../../rpc-error.ts';
import type { ConcurrencyLimit, Priority } from '../../serving/concurrency-limit.ts';
import { overloaded, priorityOf } from '../../serving/load-shedding.ts';
import { acceptRequestId } from '../../telemetry/request-id.ts';
import { logUnlogged } from '../../telemetry/unlogged.ts';
import { type FaceContext, type Metadata, metadataOfRequest } from '../metadata.ts';
import { AS_THEY_COME, METADATA_HEADERS } from '../sent-metadata.ts';
import { endParts, writeAnswer, writePart } from './answer.ts';
import { IncomingBody, parseBody, refuseByHeaders } from './body.ts';
import { PREFLIGHT_ANSWER } from './browser-boundary.ts';
import type { CarriedResponse, FallibleBodyReader, MountedRequest, OwedAnswer } from './carried.ts';
import { isCallId } from './envelope.ts';
import type { Page } from './pages.ts';
import type { Abandonable } from './pending-answer.ts';
import { callPlain, type HttpAnswer, plainRefusal, type TextAnswer } from './plain-face.ts';
import type { Request } from './request.ts';
import { pathOf, refuseUnclearRequest } from './request-line.ts';
import { type AddressedMethod, findRoute, JSON_RPC, type Route, type Router, VerbRefusal } from './router.ts';
import { refusal } from './rpc-face.ts';
import { answerStream, type StreamRoute, stopping } from './stream-face.ts';
import { refuseUntrusted } from './tls-server.ts';

/** Answers one request. Never throws: every failure becomes an answer or a log line. */
export function answerRequest(
  router: Router,
  request: Request | MountedRequest,
  response: CarriedResponse,
  pending: OwedAnswer,
): void {
  new Exchange(router, request, response, pending).start();
}

/** One request in flight. Its steps are called by events: each function that waits takes a hundredth of the time of a call. */
class Exchange implements FallibleBodyReader, Abandonable {
  readonly #router: Router;
  readonly #request: Request | MountedRequest;
  readonly #response: CarriedResponse;
  readonly #pending: OwedAnswer;
  readonly #startedAt = performance.now();
  readonly #path: string;
  readonly #requestId: string;
  readonly #answerHeaders = new Map<string, string>();
  readonly #body: IncomingBody;
  #called: AddressedMethod | typeof JSON_RPC | undefined;
  #metadata: Metadata | undefined;
  #hasEnded = false;

  constructor(router: Router, request: Request | MountedRequest, response: CarriedResponse, pending: OwedAnswer) {
    this.#router = router;
    this.#request = request;
    this.#response = response;
    this.#pending = pending;
    this.#path = pathOf(request);
    this.#requestId = acceptRequestId(request.headers[METADATA_HEADERS.requestId] as string | undefined);
    for (const [name, value] of router.boundary.headers) this.#answerHeaders.set(name, value);
    this.#answerHeaders.set(METADATA_HEADERS.requestId, this.#requestId);
    this.#body = new IncomingBody(router.limits);
    pending.owner = this;
  }

  start(): void {
    try {
      const route = this.#findRoute();
      if (route === undefined) this.#writeSoon(PREFLIGHT_ANSWER);
      else if (typeof route === 'function') void this.#show(route);
      else this.#receive(route);
    } catch (error) {
      this.#refuseSoon(error);
    }
  }

  /** @returns `undefined` for the preflight request of a listed page */
  #findRoute(): Route | undefined {
    const { boundary, isMutualTls } = this.#router;
    if (isMutualTls) refuseUntrusted(this.#request.socket as TLSSocket, this.#path);
    refuseUnclearRequest(this.#request);
    const corsHeaders = boundary.admit(this.#request, this.#path);
    for (const [name, value] of corsHeaders) this.#answerHeaders.set(name, value);
    if (corsHeaders.length > 0 && this.#request.method === 'OPTIONS') return undefined;
    return findRoute(this.#router, this.#request, this.#path);
  }

  async #show(page: () => Promise<Page>): Promise<void> {
    try {
      this.#write(await page());
    } catch (error) {
      this.#refuse(error);
    }
  }

  #receive(called: AddressedMethod | typeof JSON_RPC): void {
    const { admission, limits } = this.#router;
    if (called !== JSON_RPC) refuseWithoutRoom(admission, priorityOf(called));
    this.#metadata = metadataOfRequest(this.#request, this.#requestId, this.#startedAt);
    refuseByHeaders(this.#request, limits);
    this.#called = called;
    this.#request.readBody(this);
  }

  onPart(part: Buffer): void {
    try {
      this.#body.add(part);
    } catch (error) {
      this.onFailure(error);
    }
  }

  onFailure(error: unknown): void {
    this.#request.stopReading();
    this.#refuseSoon(error);
  }

  onEnd(): void {
    void this.#call();
  }

  onAbandoned(): void {
    this.#end(false);
  }

  async #call(): Promise<void> {
    try {
      if (this.#called === JSON_RPC) {
        const text = await this.#callRpc();
        this.#write(text === undefined ? { status: 204, body: undefined } : { status: 200, text });
      } else if (this.#called?.stream) await this.#stream(this.#called.name, this.#called.stream);
      else this.#write({ status: 200, body: await this.#callPlain(this.#called as AddressedMethod) });
    } catch (error) {
      this.#refuse(error);
    }
  }

  #callPlain({ name }: AddressedMethod): Promise<unknown> {
    const { service, limits } = this.#router;
    return callPlain(service, name, this.#body.toText(), this.#context(), limits);
  }

  async #stream(name: string, stream: StreamRoute): Promise<void> {
    const { service, limits, logger, streams, closing } = this.#router;
    if (closing()) throw stopping();
    const text = this.#body.toText();
    const request = this.#request;
    const response = this.#response;
    streams.add(this.#pending);
    try {
      const finish = (last: string) =>
        endParts(request, response, last, closing(), (error) => error || this.#end(true));
      const context = this.#context();
      const streamed = { service, name, stream, request, response, text, context, limits, logger, finish };
      const answer = await answerStream(streamed);
      if (answer) this.#write(answer);
    } finally {
      streams.delete(this.#pending);
    }
  }

  #callRpc(): Promise<string | undefined> {
    const { face, limits } = this.#router;
    const parsed = parseBody(this.#body.toText(), limits, isCallId);
    const takesParts = this.#request.headers[AS_THEY_COME.name] === AS_THEY_COME.value;
    return face.answer(parsed, this.#context(), takesParts ? (text) => this.#sendPart(text) : undefined);
  }

  /** Called by a timer, where an error would end the process. */
  #sendPart(text: string): void {
    try {
      writePart(this.#response, text, this.#answerHeaders, this.#router);
    } catch (error) {
      this.#logUnsent(error);
      this.#dropHeaders();
      writePart(this.#response, text, this.#answerHeaders, this.#router);
    }
  }

  #context(): FaceContext {
    return {
      metadata: this.#metadata as Metadata,
      host: this.#request.headers.host,
      caller: this.#pending,
      answerHeaders: this.#answerHeaders,
    };
  }

  #refuse(error: unknown): void {
    this.#logHidden(error);
    this.#write(this.#toRefusal(error));
  }

  #refuseSoon(error: unknown): void {
    this.#logHidden(error);
    this.#writeSoon(this.#toRefusal(error));
  }

  /** Logs what the answer hides behind "Internal error": the failure of a page, or of a call. */
  #logHidden(error: unknown): void {
    const { logger } = this.#router;
    if (error instanceof RpcError) logUnlogged(logger, error, this.#requestId);
    else logger.error({ err: error, request_id: this.#requestId }, 'page failed');
  }

  /** In the form of the requested face. */
  #toRefusal(error: unknown): HttpAnswer {
    const { status, headers, body } = plainRefusal(error, this.#requestId);
    if (error instanceof VerbRefusal) return { status, headers: { allow: error.verbs.join(', ') }, body };
    if (this.#path !== this.#router.rpcPath) return { status, headers, body };
    // A request that was never parsed into a call has no id, nor has an answer that could not be serialized.
    return { status, headers, body: refusal(null, toRpcError(error), this.#requestId) };
  }

  /** Not while the request is being parsed: it may be complete a moment later, and then its connection stays open. */
  #writeSoon(answer: HttpAnswer): void {
    setImmediate(() => this.#write(answer));
  }

  #write(answer: HttpAnswer | TextAnswer): void {
    try {
      this.#writeOnce(answer);
    } catch (error) {
      this.#logUnsent(error);
      if (this.#response.headersSent) this.#response.destroy();
      else this.#writeInstead(this.#toRefusal(error));
    }
  }

  #writeInstead(refused: HttpAnswer): void {
    try {
      this.#writeOnce(refused);
    } catch {
      this.#dropHeaders();
      this.#writeOnce(refused);
    }
  }

  /** For an answer that cannot be sent with the headers that an interceptor has set. */
  #dropHeaders(): void {
    this.#answerHeaders.clear();
    this.#answerHeaders.set(METADATA_HEADERS.requestId, this.#requestId);
  }

  #logUnsent(error: unknown): void {
    this.#router.logger.error({ err: error, request_id: this.#requestId }, 'request could not be answered');
  }

  #writeOnce(answer: HttpAnswer | TextAnswer): void {
    writeAnswer(this.#request, this.#response, answer, this.#answerHeaders, this.#router, (error) => {
      if (!error) this.#end(true);
    });
  }

  /** The answer is sent, or the connection closed. */
  #end(finished: boolean): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#pending.settle();
    this.#router.metrics.ended({
      verb: this.#request.method,
      path: this.#path,
      status: this.#response.statusCode,
      finished,
      ms: performance.now() - this.#startedAt,
    });
  }
}

/** A refusal costs least before the body is read. The interceptor `shedLoad` takes a slot for each call later. */
function refuseWithoutRoom(admission: ConcurrencyLimit | undefined, priority: Priority): void {
  if (admission && !admission.hasRoom(priority)) throw overloaded();
}
