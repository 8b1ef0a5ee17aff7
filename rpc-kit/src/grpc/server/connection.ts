import { constants, type ServerHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { untrusted } from '../../http/server/tls-server.ts';
import type { RpcError } from '../../rpc-error.ts';
import type { GrpcMetrics } from './grpc-metrics.ts';
import type { GrpcLimits } from './limits.ts';

const { NGHTTP2_ENHANCE_YOUR_CALM } = constants;
const CONTROL_WINDOW_MS = 10_000;
/** Codes of the errors of node:http2: of a session that was closed here, and of one that it closed for too many invalid frames. */
const FLOODED = new Set(['ERR_HTTP2_SESSION_ERROR', 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES']);

/** A message that is arriving. */
export interface Arrival {
  readonly startedAt: number;
  /** Called when it takes too long. */
  expire(): void;
}

export interface ConnectionParts {
  readonly limits: GrpcLimits;
  readonly metrics: GrpcMetrics;
  readonly isMutualTls: boolean;
}

/** One HTTP/2 connection: what node:http2 does not bound by itself. */
export class Connection {
  readonly session: ServerHttp2Session;
  readonly address: string | undefined;
  /** With TLS: of all calls of a client without an accepted certificate. */
  readonly refusal: RpcError | undefined;
  readonly #parts: ConnectionParts;
  /** In the order of their headers. No Set, for the reason at `unanswered` of the HTTP server. */
  readonly #arrivals: Arrival[] = [];
  #openCalls = 0;
  #hasSettings = false;
  #activeAt = performance.now();
  #controlFrames = 0;
  #controlledFrom = 0;

  constructor(session: ServerHttp2Session, parts: ConnectionParts) {
    this.session = session;
    this.#parts = parts;
    const socket = session.socket as TLSSocket;
    this.address = socket.remoteAddress;
    if (parts.isMutualTls && !socket.authorized) this.refusal = untrusted(socket);
    session.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
      parts.metrics.failed(FLOODED.has(code) ? 'flood' : 'malformed');
    });
    session.on('ping', () => this.#count());
    session.on('remoteSettings', () => {
      this.#hasSettings = true;
      this.#count();
    });
  }

  callStarted(): void {
    this.#openCalls += 1;
    this.#controlFrames = 0;
  }

  callEnded(now: number): void {
    this.#openCalls -= 1;
    this.#activeAt = now;
  }

  arrives(arrival: Arrival): void {
    this.#arrivals.push(arrival);
  }

  hasArrived(arrival: Arrival): void {
    const index = this.#arrivals.indexOf(arrival);
    if (index === 0) this.#arrivals.shift();
    else if (index > 0) this.#arrivals.splice(index, 1);
  }

  /** Closes what takes too long. */
  sweep(now: number): void {
    const { limits, metrics } = this.#parts;
    while (this.#arrivals[0] && now - this.#arrivals[0].startedAt >= limits.messageTimeoutMs) {
      metrics.failed('late');
      this.#arrivals.shift()?.expire();
    }
    if (this.#openCalls > 0) return;
    const idleMs = now - this.#activeAt;
    if (!this.#hasSettings && idleMs >= limits.prefaceTimeoutMs) {
      metrics.failed('late');
      this.session.destroy();
    } else if (idleMs >= limits.idleTimeoutMs) this.session.close();
  }

  /** node:http2 announces no PRIORITY and no WINDOW_UPDATE; each costs it a tenth of a microsecond. */
  #count(): void {
    const now = performance.now();
    if (now - this.#controlledFrom > CONTROL_WINDOW_MS) {
      this.#controlledFrom = now;
      this.#controlFrames = 0;
    }
    this.#controlFrames += 1;
    if (this.#controlFrames <= this.#parts.limits.controlFramesMax || this.session.destroyed) return;
    // Missing in the types: a number is the code of GOAWAY. The session then fails with FLOODED.
    this.session.destroy(NGHTTP2_ENHANCE_YOUR_CALM as unknown as Error);
  }
}
