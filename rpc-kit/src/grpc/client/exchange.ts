import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { abortReason, onAbort } from '../../deadline.ts';
import { explainTlsFailure } from '../../http/client/tls-failure.ts';
import { RpcError, toRpcError } from '../../rpc-error.ts';
import { type FramingFault, type ReceivedMessage, UnaryMessage } from '../framing.ts';
import { MessageDelivery } from './message-stream.ts';
import { resetError } from './reset-error.ts';
import type { Session } from './session.ts';
import { type Refusal, refusalError, type SessionPool, type Waiter } from './session-pool.ts';

export interface ExchangeRequest {
  /** The peer's name in error messages, which reach callers and must not contain hosts. */
  readonly peer: string;
  /** Names and values alternate. */
  readonly headers: readonly string[];
  readonly frame: Buffer;
  readonly signal: AbortSignal;
  /** On `performance.now()`'s scale. The signal aborts at it. */
  readonly deadlineAt: number;
  /** Of one message of the answer. */
  readonly answerBytesMax: number;
  /** Receives the messages of a stream, one at a time. Without it, the answer has one message. */
  readonly onMessage?: ((message: ReceivedMessage, headers: AnswerHeaders) => Promise<void>) | undefined;
}

export type AnswerHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

/**
 * What came back. Headers and trailers are the same object where the answer is trailers alone. A stream has passed on its messages, so it
 * has none here.
 */
export interface Answer {
  readonly headers: AnswerHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly message: ReceivedMessage | FramingFault | undefined;
}

/** Sends one message and receives the answer. Rejects with an RpcError when there is none, and as soon as the signal aborts. */
export function exchange(pool: SessionPool, request: ExchangeRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (request.signal.aborted) reject(abortReason(request.signal));
    else new Exchange(pool, request, resolve, reject).start();
  });
}

interface Receiver {
  /** Resolves when the messages that have arrived are passed on. */
  readonly pending?: Promise<void> | undefined;
  /** @returns what is wrong, as early as it shows */
  add(part: Buffer): FramingFault | undefined;
  end(): ReceivedMessage | FramingFault | undefined;
}

class Exchange implements Waiter {
  readonly #pool: SessionPool;
  readonly #request: ExchangeRequest;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: RpcError) => void;
  readonly #unfollow: () => void;
  #session: Session | undefined;
  #stream: ClientHttp2Stream | undefined;
  #heardBefore = 0;
  #isResent = false;
  #isSettled = false;
  #headers: AnswerHeaders | undefined;
  #trailers: IncomingHttpHeaders | undefined;
  /** All bytes of the answer were read. */
  #isRead = false;
  readonly #receiver: Receiver;
  #fault: FramingFault | undefined;
  #failure: Error | undefined;

  constructor(
    pool: SessionPool,
    request: ExchangeRequest,
    resolve: (answer: Answer) => void,
    reject: (error: RpcError) => void,
  ) {
    this.#pool = pool;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#receiver = this.#createReceiver();
    this.#unfollow = onAbort(request.signal, () => this.#aborted());
  }

  #createReceiver(): Receiver {
    const { onMessage, answerBytesMax } = this.#request;
    if (!onMessage) return new UnaryMessage(answerBytesMax);
    return new MessageDelivery(answerBytesMax, (message) => onMessage(message, this.#headers ?? {}), {
      pause: () => this.#stream?.pause(),
      resume: () => this.#stream?.resume(),
      fail: (error) => this.#giveUp(toRpcError(error)),
    });
  }

  start(): void {
    this.#pool.enter(this);
  }

  begin(session: Session): void {
    const { headers, frame } = this.#request;
    const stream = session.request(headers);
    this.#session = session;
    this.#heardBefore = session.heard;
    this.#stream = stream;
    stream.on('response', (received, flags) => {
      session.heard += 1;
      this.#headers = received;
      if (flags & constants.NGHTTP2_FLAG_END_STREAM) this.#trailers = received;
    });
    stream.on('data', (part: Buffer) => {
      session.heard += 1;
      this.#fault ??= this.#receiver.add(part);
      if (this.#fault) this.#complete();
    });
    stream.on('trailers', (received) => {
      this.#trailers = received;
    });
    stream.on('end', () => {
      this.#isRead = true;
      if (this.#trailers) this.#complete();
      // The answer is over without a status, or before the request: nothing else will end the stream.
      if (!stream.writableFinished) stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on('error', (error) => {
      this.#failure = error;
    });
    stream.on('close', () => this.#closed(stream, session));
    stream.end(frame);
  }

  fail(refusal: Refusal): void {
    const error = refusalError(refusal, this.#request.peer);
    this.#settle(() => this.#reject(withTlsSentence(error, this.#request.peer)));
  }

  #aborted(): void {
    const { signal } = this.#request;
    const reason = abortReason(signal);
    const session = this.#session;
    if (!this.#stream) this.#pool.leave(this);
    this.#giveUp(reason);
    // Where nothing at all arrived within the time of a call, the connection may be dead.
    if (reason.code === 'deadline_exceeded' && session?.heard === this.#heardBefore) session.probe();
  }

  /** Gives the call up. */
  #giveUp(error: RpcError): void {
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.#settle(() => this.#reject(error));
  }

  /** The answer has arrived, or as much of it as will be read. */
  #complete(): void {
    const { pending } = this.#receiver;
    if (pending && !this.#fault) {
      void pending.then(() => this.#complete());
      return;
    }
    const headers = this.#headers ?? {};
    const message = this.#fault ?? this.#receiver.end();
    this.#settle(() => this.#resolve({ headers, trailers: this.#trailers ?? {}, message }));
    if (this.#fault) this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  #closed(stream: ClientHttp2Stream, session: Session): void {
    if (this.#isSettled) return;
    const isEnded = this.#headers && stream.rstCode === constants.NGHTTP2_NO_ERROR && !session.isBroken;
    // A session that breaks drops what its stream has received and not read, also where the trailers have arrived.
    const isComplete = this.#trailers && (this.#isRead || !this.#request.onMessage);
    if (isComplete || isEnded) this.#complete();
    else if (this.#isUnseen(stream, session) && !this.#isResent) this.#resend();
    else {
      const error = this.#failureOf(stream, session);
      this.#settle(() => this.#reject(error));
    }
  }

  /** Whether the peer has certainly not processed the call. */
  #isUnseen(stream: ClientHttp2Stream, session: Session): boolean {
    return this.#headers === undefined && session.neverProcessed(stream);
  }

  /** Why a stream closed before its answer was whole. */
  #failureOf(stream: ClientHttp2Stream, session: Session): RpcError {
    const { peer, deadlineAt } = this.#request;
    const cause = session.failure ?? this.#failure;
    if (this.#isUnseen(stream, session)) {
      return new RpcError('unavailable', `${peer} refused the call unseen`, { cause, neverSent: true });
    }
    if (session.isBroken) return new RpcError('unavailable', `The connection to ${peer} broke`, { cause });
    return resetError(stream.rstCode ?? constants.NGHTTP2_NO_ERROR, deadlineAt, cause);
  }

  /**
   * The peer has not processed the call, so it is sent once more, on a session that takes calls: a peer that restarts refuses calls that
   * cross its GOAWAY (gRFC A6, transparent retries).
   */
  #resend(): void {
    this.#isResent = true;
    this.#stream = undefined;
    this.#session = undefined;
    this.#failure = undefined;
    this.#pool.enter(this);
  }

  #settle(conclude: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#unfollow();
    conclude();
  }
}

function withTlsSentence(error: RpcError, peer: string): RpcError {
  const sentence = explainTlsFailure(error.cause ?? {}, peer);
  if (!sentence) return error;
  const { code, message, retryAfterMs, neverSent } = error;
  return new RpcError(code, message, {
    neverSent,
    cause: sentence,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
