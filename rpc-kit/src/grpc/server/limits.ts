import { LIMIT, type WholeRange } from '../../schema/whole-number.ts';

/** Every limit of the gRPC server, each with its reason. */
export interface GrpcLimits {
  /** Bytes of a message, as it is sent and inflated. The same as of a JSON body; the largest calls of this system have a tenth of it. */
  readonly messageBytesMax: number;
  /** Bytes of all messages that are arriving: a connection opens many streams, and each may hold back the end of its message. */
  readonly arrivingBytesMax: number;
  /** Bytes of a refused message that are read and discarded, so that its sender reads the refusal; the stream is reset beyond it. */
  readonly discardBytesMax: number;
  /** Bytes of an answer; an error replaces an answer beyond it. Equal to the limit of the HTTP server. */
  readonly answerBytesMax: number;
  /** Calls that are arriving or in flight, on all connections. Beyond any load that a process can serve, so it bounds the memory. */
  readonly callsMax: number;
  /** Open streams on a connection; the server refuses further ones (REFUSED_STREAM). A busy client of this kit has some fifty. */
  readonly streamsMax: number;
  /** Open connections; a further one is closed at once. Node's default is no limit. */
  readonly connectionsMax: number;
  /** Bytes of all headers of a call. */
  readonly headerBytesMax: number;
  /**
   * Streams that a client may reset in a row, and each second, before its connection is closed (rapid reset, CVE-2023-44487). A client
   * resets a call at its deadline: these are several times what a client sends that lets all of its calls expire.
   */
  readonly resetsBurst: number;
  readonly resetsPerSecond: number;
  /**
   * PING and SETTINGS frames of a client between two calls, or within ten seconds, before its connection is closed. A client pings every few
   * seconds to keep a connection open, and once for each burst of data to measure it.
   */
  readonly controlFramesMax: number;
  /** From the connection until the client's settings, its first frame. */
  readonly prefaceTimeoutMs: number;
  /** From the headers until the message is complete. As for a request of HTTP. */
  readonly messageTimeoutMs: number;
  /**
   * How long a connection without a call stays open. gRPC clients keep a connection for good, and open another one when it closes. A client
   * that is asked to leave and keeps its side open is cut off after as long again.
   */
  readonly idleTimeoutMs: number;
  /** With TLS: from the connection until the handshake is complete. */
  readonly handshakeTimeoutMs: number;
  /** With TLS: handshakes in progress; the oldest beyond it is closed. As for the HTTP server. */
  readonly handshakesMax: number;
  /** Open streams of health and reflection, which have no deadline: a load balancer opens one for each connection. */
  readonly streamingMax: number;
}

/** `discardBytesMax` 0 reads no refused message. */
export const GRPC_LIMIT_RANGES = {
  messageBytesMax: LIMIT,
  arrivingBytesMax: LIMIT,
  discardBytesMax: { ...LIMIT, min: 0 },
  answerBytesMax: LIMIT,
  callsMax: LIMIT,
  streamsMax: LIMIT,
  connectionsMax: LIMIT,
  headerBytesMax: LIMIT,
  resetsBurst: LIMIT,
  resetsPerSecond: LIMIT,
  controlFramesMax: LIMIT,
  prefaceTimeoutMs: LIMIT,
  messageTimeoutMs: LIMIT,
  idleTimeoutMs: LIMIT,
  handshakeTimeoutMs: LIMIT,
  handshakesMax: LIMIT,
  streamingMax: LIMIT,
} as const satisfies Record<keyof GrpcLimits, WholeRange>;

/** The default limits; `serveGrpc(service, { limits })` overrides single ones. */
export const GRPC_LIMITS = {
  messageBytesMax: 1024 * 1024,
  arrivingBytesMax: 64 * 1024 * 1024,
  discardBytesMax: 256 * 1024,
  answerBytesMax: 4 * 1024 * 1024,
  callsMax: 10_000,
  streamsMax: 500,
  connectionsMax: 2_000,
  headerBytesMax: 16 * 1024,
  resetsBurst: 1_000,
  resetsPerSecond: 500,
  controlFramesMax: 100,
  prefaceTimeoutMs: 5_000,
  messageTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  handshakeTimeoutMs: 5_000,
  handshakesMax: 500,
  streamingMax: 200,
} as const satisfies GrpcLimits;
