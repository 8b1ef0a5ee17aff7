import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { METADATA_HEADERS } from '../../http/sent-metadata.ts';
import { RpcError, toRpcError } from '../../rpc-error.ts';
import { logUnlogged } from '../../telemetry/unlogged.ts';
import { frameMessage } from '../framing.ts';
import { CONTENT_TYPE, GRPC_HEADERS } from '../metadata.ts';
import { GRPC_OK } from '../status-code.ts';
import type { Route, Router } from './router.ts';
import { statusHeaders } from './status-headers.ts';

const WITH_TRAILERS = { waitForTrailers: true, sendDate: false };
const WITHOUT_MESSAGE = { endStream: true, sendDate: false };
const OK_TRAILERS = { [GRPC_HEADERS.status]: String(GRPC_OK) };

/** What a stream is answered: messages, then a status; or a status alone. */
export class Answer {
  readonly #stream: ServerHttp2Stream;
  readonly #router: Router;
  readonly #requestId: string;
  readonly #offeredId: unknown;
  /** Headers of the answer that interceptors set. */
  readonly headers = new Map<string, string>();
  route: Route | undefined;
  /** It has its status, or its caller has left. */
  isOver = false;

  /** @param offeredId the caller's own request id, if it sent one */
  constructor(stream: ServerHttp2Stream, router: Router, requestId: string, offeredId: unknown) {
    this.#stream = stream;
    this.#router = router;
    this.#requestId = requestId;
    this.#offeredId = offeredId;
  }

  /** @returns whether another message may follow at once */
  send(message: Uint8Array): boolean {
    if (this.#isClosed) return true;
    this.#begin();
    return this.#stream.write(frameMessage(message));
  }

  /** Sends a message of a stream. At the deadline, and when the caller leaves, the call no longer waits for this. */
  async emit(message: Uint8Array): Promise<void> {
    if (!this.send(message)) await once(this.#stream, 'drain');
  }

  finish(): void {
    if (this.#isClosed) return;
    this.#begin();
    this.isOver = true;
    this.#stream.end();
    this.route?.answers.answered(GRPC_OK);
  }

  refuse(thrown: unknown): void {
    const error = toRpcError(thrown);
    const { logger } = this.#router;
    if (thrown instanceof RpcError) logUnlogged(logger, thrown, this.#requestId);
    else logger.error({ err: thrown, request_id: this.#requestId }, 'gRPC call could not be answered');
    if (this.#isClosed) return;
    this.isOver = true;
    const { status, headers } = statusHeaders(error, this.#router, this.route?.details, this.#requestId);
    (this.route?.answers ?? this.#router.unknown).answered(status);
    if (!this.#stream.headersSent) {
      this.#stream.respond({ ...this.#toHeaders(), ...headers }, WITHOUT_MESSAGE);
      return;
    }
    this.#stream.removeListener('wantTrailers', sendOk);
    this.#stream.on('wantTrailers', () => this.#stream.sendTrailers(headers));
    this.#stream.end();
  }

  /** A caller that does not speak gRPC would not find a status in trailers. */
  refuseHttp(headers: OutgoingHttpHeaders): void {
    this.isOver = true;
    this.#router.metrics.failed('malformed');
    this.#stream.respond(headers, WITHOUT_MESSAGE);
  }

  get #isClosed(): boolean {
    return this.isOver || this.#stream.closed || this.#stream.destroyed;
  }

  #begin(): void {
    const stream = this.#stream;
    if (stream.headersSent) return;
    stream.respond(this.#toHeaders(), WITH_TRAILERS);
    stream.on('wantTrailers', sendOk);
  }

  /** Only what the caller does not know yet: a header that differs with each answer costs both sides most. */
  #toHeaders(): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = { ':status': 200, 'content-type': CONTENT_TYPE };
    if (this.#offeredId !== this.#requestId) headers[METADATA_HEADERS.requestId] = this.#requestId;
    for (const [name, value] of this.headers) headers[name] = value;
    return headers;
  }
}

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers(OK_TRAILERS);
}
