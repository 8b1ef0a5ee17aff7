import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { Canceller } from '../../deadline.ts';
import type { Metadata } from '../../http/metadata.ts';
import { METADATA_HEADERS } from '../../http/sent-metadata.ts';
import { stopping } from '../../http/server/stream-face.ts';
import { RpcError } from '../../rpc-error.ts';
import { overloaded } from '../../serving/load-shedding.ts';
import { acceptRequestId } from '../../telemetry/request-id.ts';
import { GRPC_HEADERS, type HeadersOfCall, isGrpcProto, metadataOfCall } from '../metadata.ts';
import { GrpcRefusal } from '../status.ts';
import { GRPC_STATUS } from '../status-code.ts';
import { Answer } from './answer.ts';
import type { Arrival, Connection } from './connection.ts';
import { IncomingMessage, isGzip } from './incoming-message.ts';
import { MessageStream } from './message-stream.ts';
import type { CallRoute, Route, Router, Stoppable, StreamRoute } from './router.ts';

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

/** One stream. It is cancelled when the caller leaves. Its steps are called by events, as those of an exchange of HTTP. */
class Exchange extends Canceller implements Arrival, Stoppable {
  readonly startedAt = performance.now();
  readonly #router: Router;
  readonly #connection: Connection;
  readonly #stream: ServerHttp2Stream;
  readonly #received: HeadersOfCall;
  readonly #requestId: string;
  readonly #answer: Answer;
  #metadata: Metadata | undefined;
  #message: IncomingMessage | undefined;
  #messages: MessageStream | undefined;
  #isDiscarding = false;
  #discarded = 0;

  constructor(router: Router, connection: Connection, stream: ServerHttp2Stream, received: HeadersOfCall) {
    super();
    this.#router = router;
    this.#connection = connection;
    this.#stream = stream;
    this.#received = received;
    const offeredId = received.headers[METADATA_HEADERS.requestId] as string | undefined;
    this.#requestId = acceptRequestId(offeredId);
    this.#answer = new Answer(stream, router, this.#requestId, offeredId);
    connection.callStarted();
    router.open.calls += 1;
    // Without this listener, a write to a caller that has left would end the process.
    stream.on('error', ignore);
    stream.on('close', () => this.#close());
  }

  start(): void {
    this.#step(() => {
      const { headers } = this.#received;
      if (headers[':method'] !== 'POST') this.#answer.refuseHttp({ ':status': 405, allow: 'POST' });
      else if (!isGrpcProto(headers['content-type'])) this.#answer.refuseHttp({ ':status': 415 });
      else this.#receive(this.#findRoute());
    });
  }

  /** What it throws is the answer. */
  #step(step: () => void): void {
    try {
      if (!this.#answer.isOver) step();
    } catch (error) {
      this.#answer.refuse(error);
    }
    if (this.#answer.isOver) this.#discardRest();
  }

  /** Refuses by the headers alone: the message is not read. */
  #findRoute(): Route {
    const { routes, limits, open, admission } = this.#router;
    const { headers } = this.#received;
    const route = routes.get(headers[':path'] as string);
    this.#answer.route = route;
    const { refusal } = this.#connection;
    if (refusal && !route?.isOpen) throw refusal;
    if (!route) throw new RpcError('method_not_found', 'Method not found');
    if (headers.te !== 'trailers') throw new RpcError('invalid_request', NO_TRAILERS);
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
    if (route.kind === 'stream' || route.isStream) this.#router.streams.add(this);
    if (route.kind === 'stream') this.#receiveMany(route, isGzip(encoding));
    else this.#receiveOne(route, new IncomingMessage(encoding, this.#router.limits, this.#router.arriving));
  }

  #receiveOne(route: CallRoute, message: IncomingMessage): void {
    this.#message = message;
    this.#connection.arrives(this);
    this.#stream.on('data', (part: Buffer) => this.#step(() => message.add(part)));
    this.#stream.on('end', () => {
      this.#connection.hasArrived(this);
      if (!this.#answer.isOver) void this.#call(route, message);
    });
  }

  async #call(route: CallRoute, message: IncomingMessage): Promise<void> {
    const answer = this.#answer;
    try {
      const metadata = this.#metadata as Metadata;
      const emit = (item: Uint8Array): Promise<void> => answer.emit(item);
      const context = { metadata, caller: this, answerHeaders: answer.headers, emit };
      const result = await route.execute(message.take(), context);
      if (result) answer.send(result);
      answer.finish();
    } catch (error) {
      answer.refuse(error);
    }
  }

  #receiveMany(route: StreamRoute, gzip: boolean): void {
    const answer = this.#answer;
    const channel = {
      send: (message: Uint8Array) => {
        answer.send(message);
        if (this.#stream.writableLength > UNREAD_BYTES_MAX) this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      },
      finish: (error?: unknown) => (error === undefined ? answer.finish() : answer.refuse(error)),
    };
    this.#router.open.streams += 1;
    const messages = new MessageStream(route.open(channel), gzip, this.#router.limits);
    this.#messages = messages;
    this.#stream.on('data', (part: Buffer) => this.#step(() => messages.add(part)));
    this.#stream.on('end', () => this.#step(() => messages.end()));
  }

  /** A reset while the caller still sends may reach it before the status; so a bounded part of the rest is read. */
  #discardRest(): void {
    if (this.#isDiscarding || this.#stream.readableEnded) return;
    this.#isDiscarding = true;
    this.#connection.hasArrived(this);
    this.#connection.arrives(this);
    this.#stream.on('end', () => this.#connection.hasArrived(this));
    this.#stream.on('data', ({ length }: Buffer) => {
      this.#discarded += length;
      if (this.#discarded > this.#router.limits.discardBytesMax) this.#stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }

  /** The message, or the rest of a refused one, takes too long. */
  expire(): void {
    this.#answer.refuse(new GrpcRefusal(GRPC_STATUS.deadline_exceeded, 'The message took too long to arrive'));
    this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** Its caller resumes it elsewhere. */
  stop(): void {
    this.cancel(stopping());
    if (this.#messages) this.#answer.refuse(stopping());
  }

  #close(): void {
    const { open, metrics, streams } = this.#router;
    streams.delete(this);
    this.#message?.release();
    this.#connection.hasArrived(this);
    this.#connection.callEnded(performance.now());
    open.calls -= 1;
    if (this.#messages) {
      open.streams -= 1;
      this.#messages.closed();
    }
    if (this.#answer.isOver) return;
    this.#answer.isOver = true;
    metrics.failed('aborted');
    this.cancel(new RpcError('cancelled', 'The caller went away'));
  }
}

/** Answers of a stream that wait for their reader. Clients ask for one file of reflection after the other, and a file has a few kilobytes. */
const UNREAD_BYTES_MAX = 256 * 1024;

const NO_TRAILERS = 'Send the header te: trailers; a proxy without trailers would lose the status';

function ignore(): void {}
