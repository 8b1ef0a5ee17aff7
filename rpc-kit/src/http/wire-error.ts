import { CODES, type Code, codeOfHttpStatus, codeOfJsonRpcNumber, isCode } from '../code.ts';
import { RpcError } from '../rpc-error.ts';
import { storableText } from '../schema/wire-types.ts';
import { parseRequestId } from '../telemetry/request-id.ts';
import { boundRetryAfter } from './retry-after.ts';

/** Errors to and from their wire forms. Only code, message, reason, details, pause and request id are sent. */

export interface JsonRpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

interface PlainError {
  readonly code: string;
  readonly reason?: string | undefined;
  readonly message: string;
  readonly details?: unknown;
  readonly retryAfterMs?: number | undefined;
  readonly requestId: string;
}

export function toJsonRpcError(error: RpcError, requestId: string): JsonRpcError {
  const { message, ...data } = toPlainError(error, requestId);
  return { code: CODES[error.code].jsonRpc, message, data };
}

export function toPlainError(error: RpcError, requestId: string): PlainError {
  const { code, reason, message, details, retryAfterMs } = error;
  return { code, reason, message, details, retryAfterMs, requestId };
}

/** Retry-After counts whole seconds (RFC 9110, section 10.2.3), so it is rounded up. */
export function retryAfterHeader(error: RpcError): Record<string, string> {
  return error.retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(error.retryAfterMs / 1000)) };
}

/**
 * The error of a peer's JSON-RPC answer. A number outside the table, e.g. of another kind of server, becomes `internal`.
 * @param retryAfterMs of the header Retry-After, for an error without its own pause
 */
export function fromJsonRpcError(error: unknown, retryAfterMs: number | undefined): RpcError {
  const { code: number, message, data } = isRecord(error) ? error : {};
  const facts = isRecord(data) ? data : {};
  const code = isCode(facts.code) ? facts.code : (codeOfNumber(number) ?? 'internal');
  const text = messageOf(message) ?? 'The peer answered an error without a message';
  return new RpcError(code, text, optionsOf(facts, retryAfterMs));
}

/** `Number` throws for objects without a primitive value, raw numbers among them. */
function codeOfNumber(number: unknown): Code | undefined {
  return typeof number === 'object' ? undefined : codeOfJsonRpcNumber(Number(number));
}

/** The error of a peer's plain answer: from its body `{error: {…}}`, or else from the status. */
export function fromPlainAnswer(status: number, body: unknown, retryAfterMs: number | undefined): RpcError {
  const error = isRecord(body) && isRecord(body.error) ? body.error : {};
  const code = isCode(error.code) ? error.code : codeOfHttpStatus(status);
  const message = messageOf(error.message) ?? `The peer answered HTTP ${status}`;
  return new RpcError(code, message, optionsOf(error, retryAfterMs));
}

/** A peer's message is logged and may be sent on; it may have megabytes. */
const MESSAGE_LENGTH_MAX = 1_000;

function messageOf(message: unknown): string | undefined {
  return typeof message === 'string' ? storableText(message, MESSAGE_LENGTH_MAX) : undefined;
}

function optionsOf(data: Record<string, unknown>, retryAfterMs: number | undefined) {
  return {
    reason: typeof data.reason === 'string' ? data.reason : undefined,
    details: data.details,
    // The body counts milliseconds, the header whole seconds.
    retryAfterMs: boundRetryAfter(data.retryAfterMs) ?? retryAfterMs,
    requestId: typeof data.requestId === 'string' ? parseRequestId(data.requestId) : undefined,
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
