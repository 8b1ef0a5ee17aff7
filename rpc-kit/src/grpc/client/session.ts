import { type ClientHttp2Stream, constants } from 'node:http2';
import { keepStreamsYoung } from '../young-streams.ts';
import { type Connection, connect, type Target } from './connect.ts';

export interface SessionLimits {
  /** Calls in flight on one session; the peer may allow fewer. */
  readonly streamsMax: number;
  /** Calls of one session, after which it is replaced: stream ids end at 2^31, and every second one is the client's. */
  readonly callsMax: number;
}

export interface SessionListener {
  /** There may be room for a call that waits, now or on another session. */
  changed(): void;
  /** The session has ended. */
  closed(): void;
}

/** Includes the handshake of TLS and the peer's SETTINGS. A peer on the same network answers in milliseconds or not at all. */
const CONNECT_TIMEOUT_MS = 2_000;
/** How often a session with calls in flight has to hear from its peer before it asks by a PING. */
const KEEPALIVE_MS = 10_000;
/** A peer acknowledges a PING at once, however busy its handlers are. */
const PING_TIMEOUT_MS = 2_000;
/** Intervals of KEEPALIVE_MS without a call after which a session is closed: firewalls forget idle connections without a word. */
const IDLE_INTERVALS_MAX = 6;

const CLOSED_EARLY =
  'The peer closed the connection before it began HTTP/2. By TLS: it may not trust the certificate of this service';

/**
 * - `opening`: nothing has been sent. It is over with the peer's SETTINGS, which also prove that the peer speaks HTTP/2.
 * - `open`: takes calls.
 * - `suspect`: the peer has to acknowledge a PING first.
 * - `leaving`: takes no further calls and ends with its last one, e.g. after a GOAWAY.
 * - `closed`
 */
type SessionState = 'opening' | 'open' | 'suspect' | 'leaving' | 'closed';

/** One connection of HTTP/2, and the calls in flight on it. */
export class Session {
  readonly #connection: Connection;
  readonly #limits: SessionLimits;
  readonly #on: SessionListener;
  #state: SessionState = 'opening';
  #peerStreamsMax = 0;
  /** The last stream that the peer may have processed, once it has sent a GOAWAY. */
  #lastStreamId = Number.POSITIVE_INFINITY;
  #calls = 0;
  #idleIntervals = 0;
  #heardBefore = 0;
  /** Of the connection, the PING or the keepalive, in this order: there is one at a time. */
  #timer: NodeJS.Timeout | undefined;
  /** Why the session ended. */
  failure: Error | undefined;
  /** Calls in flight. */
  inFlight = 0;
  /** Counts what the peer sent for its calls. */
  heard = 0;

  constructor(target: Target, limits: SessionLimits, on: SessionListener) {
    this.#limits = limits;
    this.#on = on;
    this.#connection = connect(target);
    const { http2 } = this.#connection;
    keepStreamsYoung(http2);
    http2.on('error', (error) => {
      this.failure ??= error;
    });
    http2.once('close', () => this.#closed());
    http2.on('goaway', (_code, lastStreamId) => {
      this.#lastStreamId = lastStreamId;
      this.#leave();
    });
    http2.on('remoteSettings', ({ maxConcurrentStreams = Number.POSITIVE_INFINITY }) => {
      this.#peerStreamsMax = maxConcurrentStreams;
      if (this.#state === 'opening') this.#opened();
      this.#on.changed();
    });
    this.#timer = setTimeout(() => this.#fail('The peer did not accept a connection in time'), CONNECT_TIMEOUT_MS);
    this.#timer.unref();
  }

  get isOpening(): boolean {
    return this.#state === 'opening';
  }

  get hasRoom(): boolean {
    // A connection reports its end, and a session that broke its calls, before the session itself has closed.
    if (this.#state !== 'open' || this.#connection.http2.closed || this.isBroken) return false;
    return this.inFlight < Math.min(this.#limits.streamsMax, this.#peerStreamsMax);
  }

  /** Whether the session has ended, or only its last calls do. */
  get isOver(): boolean {
    return this.#state === 'leaving' || this.#state === 'closed';
  }

  /** Whether the connection is gone, and with it every call that was in flight. */
  get isBroken(): boolean {
    return this.#connection.http2.destroyed;
  }

  /** Begins a call. It is in flight until its stream closes. */
  request(headers: readonly string[]): ClientHttp2Stream {
    const stream = this.#connection.http2.request(headers);
    this.inFlight += 1;
    stream.once('close', () => {
      this.inFlight -= 1;
      this.#closeIfLeft();
      this.#on.changed();
    });
    this.#calls += 1;
    if (this.#calls >= this.#limits.callsMax) this.#leave();
    return stream;
  }

  /** Whether the peer has certainly not processed the call of a stream that closed without an answer. */
  neverProcessed({ id, rstCode }: ClientHttp2Stream): boolean {
    if (id === undefined || id > this.#lastStreamId) return true;
    // When a session breaks, its streams get the code of its end.
    return !this.isBroken && rstCode === constants.NGHTTP2_REFUSED_STREAM;
  }

  /** Asks the peer whether it is there, after silence. Further calls wait for its answer or take another session. */
  probe(): void {
    if (this.#state !== 'open') return;
    this.#state = 'suspect';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fail('The peer did not acknowledge a PING'), PING_TIMEOUT_MS).unref();
    // A PING that cannot be sent, or whose session ends, is not acknowledged.
    this.#connection.http2.ping((error) => {
      if (error || this.#state !== 'suspect') return;
      this.#opened();
      this.#on.changed();
    });
  }

  /** Ends the session with its calls. */
  destroy(): void {
    this.#connection.http2.destroy();
    this.#connection.socket.destroy();
  }

  #opened(): void {
    this.#state = 'open';
    this.#startKeepAlive();
  }

  #startKeepAlive(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#keepAlive(), KEEPALIVE_MS).unref();
  }

  #keepAlive(): void {
    const isSilent = this.heard === this.#heardBefore;
    this.#heardBefore = this.heard;
    this.#idleIntervals = isSilent && this.inFlight === 0 ? this.#idleIntervals + 1 : 0;
    if (isSilent && this.inFlight > 0) this.probe();
    // A peer that is gone does not close its side.
    else if (this.#state === 'leaving' && this.#idleIntervals > 0) this.destroy();
    else if (this.#idleIntervals >= IDLE_INTERVALS_MAX) this.#leave();
  }

  #leave(): void {
    if (this.isOver) return;
    this.#state = 'leaving';
    this.#startKeepAlive();
    this.#closeIfLeft();
    this.#on.changed();
  }

  /** With its last call, because a peer refuses calls that cross a GOAWAY. */
  #closeIfLeft(): void {
    if (this.#state === 'leaving' && this.inFlight === 0) this.#connection.http2.close();
  }

  #fail(message: string): void {
    this.failure ??= new Error(message);
    this.destroy();
  }

  #closed(): void {
    // node:http2 hides the alert by which a peer refuses a certificate after its own handshake.
    if (this.isOpening) this.failure ??= new Error(CLOSED_EARLY);
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#on.closed();
  }
}
