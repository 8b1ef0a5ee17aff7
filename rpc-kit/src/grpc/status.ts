import { type Code, isCode } from '../code.ts';
import { boundRetryAfter } from '../http/retry-after.ts';
import { RpcError } from '../rpc-error.ts';
import { storableText } from '../schema/wire-types.ts';
import { parseRequestId } from '../telemetry/request-id.ts';
import type { MessageCodec } from './schema/message-codec.ts';
import type { DetailsCodec } from './schema/service-codec.ts';
import { vendoredCodec } from './schema/vendored.ts';
import { codeOfGrpcStatus, GRPC_STATUS } from './status-code.ts';

/**
 * Errors to and from google.rpc.Status (https://github.com/googleapis/googleapis/tree/master/google/rpc), which travels in the trailer
 * grpc-status-details-bin. Its details are ErrorInfo, the message that the contract declares for the reason, BadRequest for the issues
 * of invalid_params, RetryInfo and RequestInfo.
 */

/** By reason. */
export type DetailsMessages = ReadonlyMap<string, DetailsCodec>;

/** An error with a gRPC status that its code alone would not give. */
export class GrpcRefusal extends RpcError {
  readonly status: number;

  constructor(status: number, message: string) {
    super('invalid_request', message);
    this.status = status;
  }
}

export function grpcStatusOf(error: RpcError): number {
  return error instanceof GrpcRefusal ? error.status : GRPC_STATUS[error.code];
}

/** Clients accept 8 KB of trailers and more, of which base64 leaves six. Larger details are left out. */
const STATUS_BYTES_MAX = 5 * 1024;
/** A peer's status is parsed up to here: other servers may send more. */
const READ_BYTES_MAX = 64 * 1024;
/** A message is logged and may be sent on. */
export const MESSAGE_LENGTH_MAX = 1_000;

const TYPE_URL = 'type.googleapis.com/';
const STATUS = vendoredCodec('google.rpc.Status');
const ERROR_INFO = 'google.rpc.ErrorInfo';
const BAD_REQUEST = 'google.rpc.BadRequest';
const RETRY_INFO = 'google.rpc.RetryInfo';
const REQUEST_INFO = 'google.rpc.RequestInfo';

export interface StatusContext {
  /** The domain of ErrorInfo: the full name of the service. */
  readonly domain: string;
  readonly requestId: string;
  readonly details: DetailsMessages | undefined;
}

/** google.protobuf.Any */
interface Any {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** The bytes of google.rpc.Status for an error. */
export function encodeStatus(error: RpcError, context: StatusContext): Uint8Array {
  const whole = encodeWith(error, context, detailsOf(error, context.details));
  return whole.length <= STATUS_BYTES_MAX ? whole : encodeWith(error, context, []);
}

function encodeWith(error: RpcError, { domain, requestId }: StatusContext, own: readonly Any[]): Uint8Array {
  const { code, reason, message, retryAfterMs } = error;
  // Its reason has to be in capitals; `metadata` holds our code and reason as they are.
  const metadata = reason === undefined ? { code } : { code, reason };
  const details = [anyOf(ERROR_INFO, { reason: (reason ?? code).toUpperCase(), domain, metadata }), ...own];
  if (retryAfterMs !== undefined) details.push(anyOf(RETRY_INFO, { retryDelay: toDuration(Math.ceil(retryAfterMs)) }));
  details.push(anyOf(REQUEST_INFO, { requestId }));
  return STATUS.encode({ code: grpcStatusOf(error), message: message.slice(0, MESSAGE_LENGTH_MAX), details });
}

function anyOf(typeName: string, value: unknown, codec = vendoredCodec(typeName)): Any {
  return { typeUrl: TYPE_URL + typeName, value: codec.encode(value) };
}

const toDuration = (ms: number) => ({ seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 });

function detailsOf({ code, reason, details }: RpcError, messages: DetailsMessages | undefined): readonly Any[] {
  if (details === undefined) return [];
  const declared = reason === undefined ? undefined : messages?.get(reason);
  if (declared) return [anyOf(declared.typeName, details, declared.codec)];
  if (code !== 'invalid_params') return [];
  const { issues = [] } = details as { readonly issues?: readonly { path: string; message: string }[] };
  const fieldViolations = issues.map(({ path, message }) => ({ field: path, description: message }));
  return [anyOf(BAD_REQUEST, { fieldViolations })];
}

/**
 * The error of a peer's answer.
 * @param bytes of google.rpc.Status; without them, or with malformed ones, status and message alone make the error
 */
export function decodeStatus(
  status: number,
  message: string,
  bytes: Uint8Array | undefined,
  messages: DetailsMessages | undefined,
): RpcError {
  const facts: Facts = {};
  // Details that are malformed, or of a version that is not known here, must not hide the error.
  try {
    if (bytes && bytes.length <= READ_BYTES_MAX) readDetails(bytes, facts, messages);
  } catch {}
  const code = facts.code ?? codeOfGrpcStatus(status);
  const text = storableText(message, MESSAGE_LENGTH_MAX) || `The peer answered gRPC status ${status} without a message`;
  return new RpcError(code, text, facts as ConstructorParameters<typeof RpcError>[2]);
}

interface Facts {
  code?: Code;
  reason?: string;
  details?: unknown;
  retryAfterMs?: number | undefined;
  requestId?: string | undefined;
}

function readDetails(bytes: Uint8Array, facts: Facts, messages: DetailsMessages | undefined): void {
  const { details } = STATUS.decode(bytes) as { readonly details: readonly Any[] };
  const byType = new Map(details.map(({ typeUrl, value }) => [typeUrl.slice(typeUrl.lastIndexOf('/') + 1), value]));
  const read = <T>(typeName: string, use: (detail: T) => void, codec = (): MessageCodec => vendoredCodec(typeName)) => {
    const value = byType.get(typeName);
    if (value) use(codec().decode(value) as T);
  };
  read<ErrorInfo>(ERROR_INFO, ({ reason, metadata }) => {
    const isOurs = isCode(metadata.code);
    if (isOurs) facts.code = metadata.code as Code;
    const named = isOurs ? metadata.reason : reason;
    if (named !== undefined) facts.reason = named;
  });
  read<RetryInfo>(RETRY_INFO, ({ retryDelay }) => {
    const { seconds = 0, nanos = 0 } = retryDelay ?? {};
    facts.retryAfterMs = boundRetryAfter(Number(seconds) * 1_000 + nanos / 1_000_000);
  });
  read<{ requestId: string }>(REQUEST_INFO, ({ requestId }) => {
    facts.requestId = parseRequestId(requestId);
  });
  read<BadRequest>(BAD_REQUEST, ({ fieldViolations }) => {
    facts.details = {
      issues: fieldViolations.map(({ field, description }) => ({ path: field, message: description })),
    };
  });
  const declared = facts.reason === undefined ? undefined : messages?.get(facts.reason);
  if (!declared) return;
  const setDetails = (own: unknown): void => {
    facts.details = own;
  };
  read(declared.typeName, setDetails, () => declared.codec);
}

interface ErrorInfo {
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
}

interface RetryInfo {
  readonly retryDelay?: { readonly seconds?: number | bigint; readonly nanos?: number };
}

interface BadRequest {
  readonly fieldViolations: readonly { readonly field: string; readonly description: string }[];
}
