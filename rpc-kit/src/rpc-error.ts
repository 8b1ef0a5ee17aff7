import type { Code } from './code.ts';

export interface RpcErrorOptions {
  /** A reason that the method's contract declares, e.g. `out_of_stock`. */
  readonly reason?: string;
  /** Facts for the caller, in the shape that the contract gives for the reason. */
  readonly details?: unknown;
  /** How long the caller should wait before it tries again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The request id that the failing peer logged the failure under. */
  readonly requestId?: string;
  /** The peer has certainly not seen the call, e.g. because the connection was refused. It is not sent on. */
  readonly neverSent?: boolean;
  /** What really happened. It is logged and never sent. */
  readonly cause?: unknown;
}

/**
 * The one class of errors that crosses service borders. The message is meant for the caller:
 * it must hold nothing of the inside (SQL, hosts, stacks); that belongs into `cause`.
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

/** Anything thrown, as an RpcError: what is not one already becomes `internal` and is kept as the cause. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  return new RpcError('internal', 'Internal error', { cause: error });
}
