import type { Code } from './code.ts';

/** What an `RpcError` says besides its code and message. */
export interface RpcErrorOptions {
  /** A reason that the method's contract declares, e.g. `out_of_stock`. */
  readonly reason?: string;
  /** Facts for the caller, of the type that the contract declares for the reason. */
  readonly details?: unknown;
  /** How long the caller should wait before it tries again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The request id under which the peer logged the failure. */
  readonly requestId?: string;
  /** The peer has certainly not seen the call, e.g. because the connection was refused. The wire never carries this mark. */
  readonly neverSent?: boolean;
  /** The underlying error. It is logged and never sent. */
  readonly cause?: unknown;
}

/**
 * The one error class that crosses service boundaries. Its message is for the caller: internals (SQL, hosts, stacks) belong into
 * `cause`.
 */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: Code;
  readonly reason: string | undefined;
  readonly details: unknown;
  readonly retryAfterMs: number | undefined;
  readonly requestId: string | undefined;
  readonly neverSent: boolean;

  constructor(code: Code, message: string, options: RpcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = options.reason;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
    this.requestId = options.requestId;
    this.neverSent = options.neverSent ?? false;
  }
}

/** Returns an RpcError unchanged; wraps anything else as the cause of an `internal` error. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  return new RpcError('internal', 'Internal error', { cause: error });
}
