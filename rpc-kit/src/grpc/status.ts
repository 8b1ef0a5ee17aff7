import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type Code, isCode } from '../code.ts';
import { boundRetryAfter } from '../http/retry-after.ts';
import { RpcError } from '../rpc-error.ts';
import { storableText } from '../schema/wire-types.ts';
import { parseRequestId } from '../telemetry/request-id.ts';
import { codeOfGrpcStatus, GRPC_STATUS } from './status-code.ts';

/**
 * Errors to and from google.rpc.Status (https://github.com/googleapis/googleapis/tree/master/google/rpc), which travels in the trailer
 * grpc-status-details-bin. Its details are ErrorInfo, the message that the contract declares for the reason, BadRequest for the issues
 * of invalid_params, RetryInfo and RequestInfo.
 */

/** The message of a reason's details. */
export interface DetailsMessage {
  readonly typeName: string;
  readonly codec: { encode(value: unknown): Uint8Array; decode(bytes: Uint8Array): unknown };
}

/** By reason. */
export type DetailsMessages = ReadonlyMap<string, DetailsMessage>;

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

/** The bytes of google.rpc.Status for an error. */
export function encodeStatus(error: RpcError, context: StatusContext): Uint8Array {
  const whole = encodeWith(error, context, detailsOf(error, context.details));
  return whole.length <= STATUS_BYTES_MAX ? whole : encodeWith(error, context, undefined);
}

interface Detail {
  readonly typeName: string;
  readonly bytes: Uint8Array;
}

function encodeWith(error: RpcError, { domain, requestId }: StatusContext, typed: Detail | undefined): Uint8Array {
  const status = new BinaryWriter();
  status.tag(1, WireType.Varint).int32(grpcStatusOf(error));
  status.tag(2, WireType.LengthDelimited).string(error.message.slice(0, MESSAGE_LENGTH_MAX));
  addDetail(status, ERROR_INFO, errorInfo(error, domain));
  if (typed) addDetail(status, typed.typeName, typed.bytes);
  if (error.retryAfterMs !== undefined) addDetail(status, RETRY_INFO, retryInfo(error.retryAfterMs));
  addDetail(status, REQUEST_INFO, new BinaryWriter().tag(1, WireType.LengthDelimited).string(requestId).finish());
  return status.finish();
}

function addDetail(status: BinaryWriter, typeName: string, bytes: Uint8Array): void {
  status.tag(3, WireType.LengthDelimited).fork();
  status.tag(1, WireType.LengthDelimited).string(TYPE_URL + typeName);
  status.tag(2, WireType.LengthDelimited).bytes(bytes);
  status.join();
}

/** Its reason has to be in capitals; `metadata` holds our code and reason as they are. */
function errorInfo({ code, reason }: RpcError, domain: string): Uint8Array {
  const info = new BinaryWriter();
  info.tag(1, WireType.LengthDelimited).string((reason ?? code).toUpperCase());
  info.tag(2, WireType.LengthDelimited).string(domain);
  addEntry(info, 'code', code);
  if (reason !== undefined) addEntry(info, 'reason', reason);
  return info.finish();
}

function addEntry(info: BinaryWriter, key: string, value: string): void {
  info.tag(3, WireType.LengthDelimited).fork();
  info.tag(1, WireType.LengthDelimited).string(key);
  info.tag(2, WireType.LengthDelimited).string(value);
  info.join();
}

function retryInfo(retryAfterMs: number): Uint8Array {
  const ms = Math.ceil(retryAfterMs);
  const delay = new BinaryWriter();
  delay.tag(1, WireType.LengthDelimited).fork();
  delay.tag(1, WireType.Varint).int64(Math.floor(ms / 1_000));
  delay.tag(2, WireType.Varint).int32((ms % 1_000) * 1_000_000);
  return delay.join().finish();
}

function detailsOf({ code, reason, details }: RpcError, messages: DetailsMessages | undefined): Detail | undefined {
  if (details === undefined) return undefined;
  const message = reason === undefined ? undefined : messages?.get(reason);
  if (message) return { typeName: message.typeName, bytes: message.codec.encode(details) };
  if (code !== 'invalid_params') return undefined;
  const { issues = [] } = details as { readonly issues?: readonly { path: string; message: string }[] };
  const request = new BinaryWriter();
  for (const { path, message: description } of issues) {
    request.tag(1, WireType.LengthDelimited).fork();
    request.tag(1, WireType.LengthDelimited).string(path);
    request.tag(2, WireType.LengthDelimited).string(description);
    request.join();
  }
  return { typeName: BAD_REQUEST, bytes: request.finish() };
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
  if (bytes && bytes.length <= READ_BYTES_MAX) readQuietly(() => readStatus(bytes, facts, messages));
  const code = facts.code ?? codeOfGrpcStatus(status);
  const text = storableText(message, MESSAGE_LENGTH_MAX) || `The peer answered gRPC status ${status} without a message`;
  return new RpcError(code, text, {
    reason: facts.reason,
    details: facts.details,
    retryAfterMs: facts.retryAfterMs,
    requestId: facts.requestId,
  } as ConstructorParameters<typeof RpcError>[2]);
}

interface Facts {
  code?: Code;
  reason?: string;
  details?: unknown;
  retryAfterMs?: number | undefined;
  requestId?: string | undefined;
}

/** Details that are malformed, or of a version that is not known here, must not hide the error. */
function readQuietly(read: () => void): void {
  try {
    read();
  } catch {}
}

function readStatus(bytes: Uint8Array, facts: Facts, messages: DetailsMessages | undefined): void {
  const typed: Detail[] = [];
  for (const detail of fieldsOf(bytes).filter(({ number }) => number === 3)) {
    const { typeUrl, value } = readAny(detail.bytes);
    const typeName = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
    if (typeName === ERROR_INFO) readErrorInfo(value, facts);
    else if (typeName === RETRY_INFO) facts.retryAfterMs = readRetryInfo(value);
    else if (typeName === REQUEST_INFO) facts.requestId = parseRequestId(textOf(fieldsOf(value), 1));
    else if (typeName === BAD_REQUEST) facts.details = { issues: fieldsOf(value).map(readViolation) };
    else typed.push({ typeName, bytes: value });
  }
  const declared = facts.reason === undefined ? undefined : messages?.get(facts.reason);
  const own = typed.find(({ typeName }) => typeName === declared?.typeName);
  if (declared && own) facts.details = declared.codec.decode(own.bytes);
}

function readAny(bytes: Uint8Array): { typeUrl: string; value: Uint8Array } {
  const fields = fieldsOf(bytes);
  return { typeUrl: textOf(fields, 1), value: fields.findLast(({ number }) => number === 2)?.bytes ?? NO_BYTES };
}

function readErrorInfo(bytes: Uint8Array, facts: Facts): void {
  const fields = fieldsOf(bytes);
  const entries = fields.filter(({ number }) => number === 3).map((entry) => fieldsOf(entry.bytes));
  const metadata = new Map(entries.map((entry) => [textOf(entry, 1), textOf(entry, 2)]));
  const code = metadata.get('code');
  const reason = metadata.get('reason');
  if (isCode(code)) facts.code = code;
  if (reason !== undefined) facts.reason = reason;
  // Of another kind of server.
  else if (!isCode(code)) facts.reason = textOf(fields, 1);
}

function readRetryInfo(bytes: Uint8Array): number | undefined {
  const [delay] = fieldsOf(bytes).filter(({ number }) => number === 1);
  if (!delay) return undefined;
  const fields = fieldsOf(delay.bytes);
  const numberAt = (wanted: number): number => Number(fields.findLast(({ number }) => number === wanted)?.varint ?? 0);
  return boundRetryAfter(numberAt(1) * 1_000 + numberAt(2) / 1_000_000);
}

function readViolation({ bytes }: Field): { path: string; message: string } {
  const fields = fieldsOf(bytes);
  return { path: textOf(fields, 1), message: textOf(fields, 2) };
}

interface Field {
  readonly number: number;
  /** Empty for other wire types. */
  readonly bytes: Uint8Array;
  readonly varint: bigint | string | undefined;
}

const NO_BYTES = new Uint8Array();
const utf8 = new TextDecoder();

function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === WireType.LengthDelimited) fields.push({ number, bytes: reader.bytes(), varint: undefined });
    else if (type === WireType.Varint) fields.push({ number, bytes: NO_BYTES, varint: reader.int64() });
    else reader.skip(type, number);
  }
  return fields;
}

function textOf(fields: readonly Field[], wanted: number): string {
  return utf8.decode(fields.findLast(({ number }) => number === wanted)?.bytes ?? NO_BYTES);
}
