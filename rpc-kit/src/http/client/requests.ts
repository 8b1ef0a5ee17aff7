import type { Emit } from '../../call.ts';

/** Sends requests to one peer. Every failure is an RpcError. */
export interface Exchange {
  post(request: ExchangeRequest): Promise<Reply>;
}

export interface ExchangeRequest {
  /** The peer's name in error messages, which reach callers and must not contain hosts. */
  readonly peer: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  /** Called when the request is sent, which may be long after it was queued. */
  readonly body: () => string;
  readonly signal: AbortSignal;
  /**
   * Receives the items of a list one by one when the list exceeds the limits of an answer, which then bound each item, when the peer
   * sends it in parts, or when it breaks off. Without it, a list that is too large fails the request.
   */
  readonly onItem?: (item: unknown, reply: ReplyHead) => void;
}

export interface ReplyHead {
  readonly status: number;
  /** The header Retry-After, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

export interface Reply extends ReplyHead {
  /** The answer's JSON value; `undefined` after a split, and for an error status whose body is not JSON, e.g. a proxy's page. */
  readonly value: unknown;
  /** The answer was a list whose items were passed to `onItem`. */
  readonly isSplit: boolean;
  /** An item of such a list exceeded the limits and was dropped. */
  readonly hasSkippedItems: boolean;
}

export interface StreamRequest extends Omit<ExchangeRequest, 'onItem'> {
  readonly emit: Emit;
}

/** Reads a stream from the peer. Resolves when it has ended. Every failure is an RpcError. */
export type ReadStream = (request: StreamRequest) => Promise<void>;
