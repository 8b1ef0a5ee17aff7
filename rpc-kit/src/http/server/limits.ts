import { LIMIT, type WholeRange } from '../../schema/whole-number.ts';

/** Every limit of the HTTP server, each with its reason. */
export interface HttpLimits {
  /** Bytes of a request's body. A full batch of the largest calls of this system stays under it tenfold. */
  readonly bodyBytesMax: number;
  /** Bytes of a body that is too large and is read on and thrown away, so that its sender gets to read the refusal. */
  readonly discardBytesMax: number;
  /** How deep arrays and objects may nest: contracts need 4, hostile bodies need thousands. */
  readonly nestingDepthMax: number;
  /**
   * Values in a body, i.e. elements and members. A megabyte holds half a million, and parsing or refusing each may take more than
   * half a microsecond. A full batch of the largest calls of this system has 17,000.
   */
  readonly valuesMax: number;
  /** Numbers in a body that a double may not hold: each takes a microsecond. A full batch of this system has 150. */
  readonly wideNumbersMax: number;
  /** Calls in one batch: they run side by side, so this bounds what one request can start. */
  readonly batchLengthMax: number;
  /** Characters of a call's id: it is echoed, so it must not be a way to have megabytes sent back. */
  readonly idLengthMax: number;
  /**
   * Bytes of an answer, or of all answers of a batch; what is beyond is replaced by errors. As many as this kit's clients take of
   * one call. Only the answers of writes, which can be had nowhere else, make a batch's answer larger.
   */
  readonly answerBytesMax: number;
  /**
   * From the first byte until the headers are complete; slow senders hold a connection no longer. Node's default is 60 s. Where
   * this server's own event loop stalled for a quarter of it, the sender is told to come again (503) and not that it was slow (408).
   */
  readonly headersTimeoutMs: number;
  /** From the first byte until the body is complete. Node's default is 300 s. */
  readonly requestTimeoutMs: number;
  /** How long an idle connection stays open. Longer than the clients' 4 s, so that they close first and never race us. */
  readonly keepAliveTimeoutMs: number;
  /** Open connections; further ones are closed at once. Node's default is no limit. */
  readonly connectionsMax: number;
  /** Bytes of all headers together. */
  readonly headerBytesMax: number;
}

/** In the order of the interface; nothing that is too large need be read on. */
export const HTTP_LIMIT_RANGES = {
  bodyBytesMax: LIMIT,
  discardBytesMax: { ...LIMIT, min: 0 },
  nestingDepthMax: LIMIT,
  valuesMax: LIMIT,
  wideNumbersMax: { ...LIMIT, min: 0 },
  batchLengthMax: LIMIT,
  idLengthMax: LIMIT,
  answerBytesMax: LIMIT,
  headersTimeoutMs: LIMIT,
  requestTimeoutMs: LIMIT,
  keepAliveTimeoutMs: LIMIT,
  connectionsMax: LIMIT,
  headerBytesMax: LIMIT,
} as const satisfies Record<keyof HttpLimits, WholeRange>;

/** The limits of a server that is told none; `serveHttp(service, { limits })` changes single ones. */
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
  connectionsMax: 2_000,
  headerBytesMax: 16 * 1024,
} as const satisfies HttpLimits;
