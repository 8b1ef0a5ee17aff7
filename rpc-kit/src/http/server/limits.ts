import { LIMIT, type WholeRange } from '../../schema/whole-number.ts';

/** Every limit of the HTTP server, each with its reason. */
export interface HttpLimits {
  /** Bytes of a request's body. A full batch of the largest calls of this system has a tenth of it. */
  readonly bodyBytesMax: number;
  /** Bytes of a refused body that are read and discarded, so that its sender receives the refusal. */
  readonly discardBytesMax: number;
  /** How deep arrays and objects may nest: contracts need 4, hostile bodies need thousands. */
  readonly nestingDepthMax: number;
  /**
   * Values (elements and members) in a body. A megabyte holds half a million, and each may take more than half a microsecond to
   * parse or refuse. A full batch of the largest calls of this system has 17,000.
   */
  readonly valuesMax: number;
  /** Numbers in a body that a double may not hold: each takes a microsecond. A full batch of the largest calls has 150. */
  readonly wideNumbersMax: number;
  /** Calls in one batch: they run concurrently, so this bounds the load of one request. */
  readonly batchLengthMax: number;
  /** Characters of a call's id: it is echoed, and a batch must not have megabytes of ids. */
  readonly idLengthMax: number;
  /**
   * Bytes of an answer, or of all answers of a batch; errors replace answers beyond it. Equal to the clients' limit for one call. Only
   * answers of writes, which cannot be asked for again, make a batch's answer larger.
   */
  readonly answerBytesMax: number;
  /**
   * From the first byte until the headers are complete, which bounds slow senders. Node's default is 60 s. When this server's event
   * loop stalled for a quarter of it, the refusal is 503 and not 408.
   */
  readonly headersTimeoutMs: number;
  /** From the first byte until the body is complete. Node's default is 300 s. */
  readonly requestTimeoutMs: number;
  /** How long an idle connection stays open. Longer than the clients' 4 s, so that clients close first. */
  readonly keepAliveTimeoutMs: number;
  /** The longest silence of a stream, after which it sends a comment: proxies commonly close a connection that is silent for 30 s or more. */
  readonly heartbeatMs: number;
  /** How long the reader of a stream may take nothing while an item waits for it. It would only hold a connection and that item. */
  readonly readerTimeoutMs: number;
  /** Open connections; the first request of a further one is answered with 503, and the connection closed. Node's default is no limit. */
  readonly connectionsMax: number;
  /** Bytes of all headers together. */
  readonly headerBytesMax: number;
  /** With TLS: from the connection until the handshake is complete. Node's default is 120 s. */
  readonly handshakeTimeoutMs: number;
  /**
   * With TLS: handshakes in progress; the oldest beyond it is closed. Each costs an event loop up to a millisecond, so more of them
   * would only wait.
   */
  readonly handshakesMax: number;
}

/** `discardBytesMax` 0 reads no refused body; `wideNumbersMax` 0 allows no wide numbers. */
export const HTTP_LIMIT_RANGES = {
  bodyBytesMax: LIMIT,
  discardBytesMax: { ...LIMIT, min: 0 },
  nestingDepthMax: LIMIT,
  valuesMax: LIMIT,
  wideNumbersMax: { ...LIMIT, min: 0 },
  batchLengthMax: LIMIT,
  idLengthMax: LIMIT,
  // An error has to fit, that of a too large answer included.
  answerBytesMax: { ...LIMIT, min: 1_000 },
  headersTimeoutMs: LIMIT,
  requestTimeoutMs: LIMIT,
  keepAliveTimeoutMs: LIMIT,
  heartbeatMs: LIMIT,
  readerTimeoutMs: LIMIT,
  connectionsMax: LIMIT,
  headerBytesMax: LIMIT,
  handshakeTimeoutMs: LIMIT,
  handshakesMax: LIMIT,
} as const satisfies Record<keyof HttpLimits, WholeRange>;

/** The default limits; `serveHttp(service, { limits })` overrides single ones. */
export const HTTP_LIMITS = {
  bodyBytesMax: 1024 * 1024,
  discardBytesMax: 16 * 1024 * 1024,
  nestingDepthMax: 32,
  valuesMax: 30_000,
  wideNumbersMax: 5_000,
  batchLengthMax: 50,
  idLengthMax: 256,
  answerBytesMax: 4 * 1024 * 1024,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 10_000,
  heartbeatMs: 15_000,
  readerTimeoutMs: 30_000,
  connectionsMax: 2_000,
  headerBytesMax: 16 * 1024,
  handshakeTimeoutMs: 5_000,
  handshakesMax: 500,
} as const satisfies HttpLimits;
