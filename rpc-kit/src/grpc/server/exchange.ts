import { once } from 'node:events';
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { Canceller } from '../../deadline.ts';
import { METADATA_HEADERS, type Metadata } from '../../http/metadata.ts';
import { RpcError, toRpcError } from '../../rpc-error.ts';
import { overloaded } from '../../serving/load-shedding.ts';
import { acceptRequestId } from '../../telemetry/request-id.ts';
import { frameMessage } from '../framing.ts';
import { CONTENT_TYPE, GRPC_HEADERS, type HeadersOfCall, isGrpcProto, metadataOfCall } from '../metadata.ts';
import { GrpcRefusal } from '../status.ts';
import { GRPC_OK } from '../status-code.ts';
import type { Arrival, Connection } from './connection.ts';
import { IncomingMessage, isGzip } from './incoming-message.ts';
import { MessageStream } from './message-stream.ts';
import type { CallRoute, Route, Router, StreamRoute } from './router.ts';
import { statusHeaders } from './status-headers.ts';

const { NGHTTP2_NO_ERROR } = constants;

/** Answers one stream. Never throws: every failure becomes an answer or a log line. */
export function answerStream(
  router: Router,
  connection: Connection,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): void {
  new Exchange(router, connection, stream, { headers, rawHeaders }).start();
}

const WITH_TRAILERS = { waitForTrailers: true, sendDate: false };
const WITHOUT_MESSAGE = { endStream: true, sendDate: false };
const OK_TRAILERS = { [GRPC_HEADERS.status]: String(GRPC_OK) };

/** One stream. It is cancelled when the caller leaves. Its steps are called by events, as those of an exchange of HTTP. */
class Exchange extends Canceller implements Arrival {
  readonly startedAt = performance.now();
  readonly #router: Router;
  readonly #connection: Connection;
  readonly #stream: ServerHttp2Stream;
  readonly #received: HeadersOfCall;
  readonly #requestId: string;
  readonly #answerHeaders = new Map<string, string>();
  #route: Route | undefined;
  #metadata: Metadata | undefined;
  #message: IncomingMessage | undefined;
  #messages: MessageStream | undefined;
  #isAnswered = false;
  #discarded = 0;

  constructor(router: Router, connection: Connection, stream: ServerHttp2Stream, received: HeadersOfCall) {
    super();
    this.#router = router;
    this.#connection = connection;
    this.#stream = stream;
    this.#received = received;
    this.#requestId = acceptRequestId(received.headers[METADATA_HEADERS.requestId] as string | undefined);
    connection.callStarted();
    router.open.calls += 1;
    // Without this listener, a write to a caller that has left would end the process.
    stream.on('error', ignore);
    stream.on('close', () => this.#close());
  }

  start(): void {
    try {
      const { headers } = this.#received;
      if (headers[':method'] !== 'POST') this.#refuseHttp({ ':status': 405, allow: 'POST' });
      else if (!isGrpcProto(headers['content-type'])) this.#refuseHttp({ ':status': 415 });
      else this.#receive(this.#findRoute());
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** Refuses by the headers alone: the message is not read. */
  #findRoute(): Route {
    const { routes, limits, open, admission } = this.#router;
    const { headers } = this.#received;
    const route = routes.get(headers[':path'] as string);
    this.#route = route;
    const { refusal } = this.#connection;
    if (refusal && !route?.isOpen) throw refusal;
    if (!route) throw new RpcError('method_not_found', 'Method not found');
    if (headers.te !== 'trailers') {
      throw new RpcError(
        'invalid_request',
        'Send the header te: trailers; a proxy without trailers would lose the status',
      );
    }
    if (open.calls > limits.callsMax) throw overloaded();
    if (route.kind === 'stream' && open.streams >= limits.streamingMax) throw overloaded();
    if (route.kind === 'call' && route.priority !== undefined && admission?.hasRoom(route.priority) === false) {
      if (route.shed) route.shed.value += 1;
      throw overloaded();
    }
    return route;
  }

  #receive(route: Route): void {
    const encoding = this.#received.headers[GRPC_HEADERS.encoding] as string | undefined;
    this.#metadata = metadataOfCall(this.#received, this.#requestId, this.startedAt, this.#connection.address);
    if (route.kind === 'stream') {
      this.#openStream(route, isGzip(encoding));
      return;
    }
    this.#message = new IncomingMessage(encoding, this.#router.limits, this.#router.arriving);
    this.#connection.arrives(this);
    this.#stream.on('data', (part: Buffer) => this.#onPart(part));
    this.#stream.on('end', () => this.#onEnd(route));
  }

  #openStream(route: StreamRoute, gzip: boolean): void {
    const { limits, open } = this.#router;
    open.streams += 1;
    const channel = {
      send: (message: Uint8Array) => this.#send(message),
      finish: (error?: unknown) => (error === undefined ? this.#finish() : this.#refuse(error)),
    };
    this.#messages = new MessageStream(route.open(channel), gzip, limits);
    this.#stream.on('data', (part: Buffer) => this.#guard(() => this.#messages?.add(part)));
    this.#stream.on('end', () => this.#guard(() => this.#messages?.end()));
  }

  #guard(step: () => void): void {
    try {
      if (!this.#isAnswered) step();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #onPart(part: Buffer): void {
    if (this.#isAnswered) {
      this.#discard(part);
      return;
    }
    try {
      this.#message?.add(part);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #onEnd(route: CallRoute): void {
    this.#connection.hasArrived(this);
    if (!this.#isAnswered) void this.#call(route);
  }

  async #call(route: CallRoute): Promise<void> {
    try {
      const message = (this.#message as IncomingMessage).take();
      const metadata = this.#metadata as Metadata;
      const result = await route.execute(message, {
        metadata,
        caller: this,
        answerHeaders: this.#answerHeaders,
        emit: (item) => this.#emit(item),
      });
      if (result) this.#send(result);
      this.#finish();
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** @returns whether another message may follow at once */
  #send(message: Uint8Array): boolean {
    const stream = this.#stream;
    if (this.#isAnswered || stream.closed || stream.destroyed) return true;
    this.#begin();
    return stream.write(frameMessage(message));
  }

  #begin(): void {
    const stream = this.#stream;
    if (stream.headersSent) return;
    stream.respond(this.#toHeaders(), WITH_TRAILERS);
    stream.on('wantTrailers', sendOk);
  }

  async #emit(message: Uint8Array): Promise<void> {
    if (this.#send(message) || this.reason) return;
    // Rejects at the deadline and when the caller leaves, because the call races its signal.
    await once(this.#stream, 'drain');
  }

  #finish(): void {
    const stream = this.#stream;
    if (this.#isAnswered || stream.closed || stream.destroyed) return;
    this.#begin();
    this.#isAnswered = true;
    stream.end();
    this.#route?.answers.answered(GRPC_OK);
  }

  /** Only what the caller does not know yet: a header that differs with each answer costs both sides most. */
  #toHeaders(): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = { ':status': 200, 'content-type': CONTENT_TYPE };
    if (this.#received.headers[METADATA_HEADERS.requestId] !== this.#requestId) {
      headers[METADATA_HEADERS.requestId] = this.#requestId;
    }
    for (const [name, value] of this.#answerHeaders) headers[name] = value;
    return headers;
  }

  #refuse(thrown: unknown): void {
    const error = toRpcError(thrown);
    if (!(thrown instanceof RpcError)) {
      this.#router.logger.error({ err: thrown, request_id: this.#requestId }, 'gRPC call could not be answered');
    }
    const stream = this.#stream;
    if (this.#isAnswered || stream.closed || stream.destroyed) return;
    this.#isAnswered = true;
    const { status, headers } = statusHeaders(error, this.#router, this.#route?.details, this.#requestId);
    (this.#route?.answers ?? this.#router.unknown).answered(status);
    if (stream.headersSent) {
      stream.removeListener('wantTrailers', sendOk);
      stream.on('wantTrailers', () => stream.sendTrailers(headers));
      stream.end();
    } else stream.respond({ ...this.#toHeaders(), ...headers }, WITHOUT_MESSAGE);
    this.#discardRest();
  }

  /** A caller that does not speak gRPC would not find a status in trailers. */
  #refuseHttp(headers: OutgoingHttpHeaders): void {
    this.#isAnswered = true;
    this.#router.metrics.failed('malformed');
    this.#stream.respond(headers, WITHOUT_MESSAGE);
    this.#discardRest();
  }

  /** A reset while the caller still sends may reach it before the status; so a bounded part of the message is read. */
  #discardRest(): void {
    if (this.#stream.readableEnded || this.#message) return;
    this.#connection.arrives(this);
    this.#stream.on('data', (part: Buffer) => this.#discard(part));
    this.#stream.on('end', () => this.#connection.hasArrived(this));
  }

  #discard(part: Buffer): void {
    this.#discarded += part.length;
    if (this.#discarded > this.#router.limits.discardBytesMax) this.#stream.close(NGHTTP2_NO_ERROR);
  }

  /** The message takes too long. */
  expire(): void {
    if (!this.#isAnswered) this.#refuse(new GrpcRefusal(DEADLINE_EXCEEDED, 'The message took too long to arrive'));
    this.#stream.close(NGHTTP2_NO_ERROR);
  }

  #close(): void {
    const { open, metrics } = this.#router;
    this.#message?.release();
    this.#connection.hasArrived(this);
    this.#connection.callEnded(performance.now());
    open.calls -= 1;
    if (this.#messages) {
      open.streams -= 1;
      this.#messages.closed();
    }
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    metrics.failed('aborted');
    this.cancel(new RpcError('cancelled', 'The caller went away'));
  }
}

const DEADLINE_EXCEEDED = 4;

function ignore(): void {}

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers(OK_TRAILERS);
}
