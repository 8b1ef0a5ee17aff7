import type { IncomingHttpHeaders } from 'node:http2';
import { parseIdempotencyKey } from '../http/idempotency-key-header.ts';
import { callerNameOf, type Metadata } from '../http/metadata.ts';
import { RpcError } from '../rpc-error.ts';
import { acceptTraceContext, type TraceContext } from '../telemetry/trace-context.ts';

/** Names of headers and trailers of gRPC (PROTOCOL-HTTP2.md of grpc). The other metadata is in the headers of HTTP: `METADATA_HEADERS`. */
export const GRPC_HEADERS = {
  timeout: 'grpc-timeout',
  encoding: 'grpc-encoding',
  acceptEncoding: 'grpc-accept-encoding',
  status: 'grpc-status',
  message: 'grpc-message',
  details: 'grpc-status-details-bin',
} as const;

/** https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
export const HEALTH_SERVICE = 'grpc.health.v1.Health';

export const CONTENT_TYPE = 'application/grpc';
/** Of messages, in both directions. */
export const ACCEPTED_ENCODINGS = 'identity,gzip';

/** `application/grpc`, `application/grpc+proto` and both with parameters; other codecs such as `+json` are not served. */
const PROTO_TYPE = /^application\/grpc(?:\+proto)?\s*(?:;|$)/i;

export function isGrpcProto(contentType: string | undefined): boolean {
  return contentType === CONTENT_TYPE || (contentType !== undefined && PROTO_TYPE.test(contentType));
}

const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };
/** Eight digits of milliseconds are 27 hours, far beyond every method's timeout. */
const TIMEOUT_MS_MAX = 99_999_999;

/** The timeout in milliseconds; `undefined` for a malformed one. */
export function parseTimeout(text: string): number | undefined {
  const [, digits, unit = ''] = TIMEOUT.exec(text) ?? [];
  return digits === undefined ? undefined : Math.min(Number(digits) * (UNIT_MS[unit] as number), TIMEOUT_MS_MAX);
}

/** Whole milliseconds, rounded down: a callee must not wait longer than its caller. */
export function toTimeout(ms: number): string {
  return `${Math.min(Math.max(0, Math.floor(ms)), TIMEOUT_MS_MAX)}m`;
}

/** The metadata without a part that only some headers have. */
export interface HeadersOfCall {
  readonly headers: IncomingHttpHeaders;
  /** Names and values alternate. */
  readonly rawHeaders: readonly string[];
}

/** @throws {RpcError} invalid_request for a malformed header, and for one that must not be repeated */
export function metadataOfCall(
  { headers, rawHeaders }: HeadersOfCall,
  requestId: string,
  receivedAt: number,
  address: string | undefined,
): Metadata {
  const timeout = headers[GRPC_HEADERS.timeout] as string | undefined;
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseTimeout(timeout);
  if (timeoutMs === undefined) {
    throw new RpcError('invalid_request', 'grpc-timeout must be 1 to 8 digits and a unit of H, M, S, m, u, n');
  }
  const { authorization } = headers;
  const key = headers['idempotency-key'] as string | undefined;
  if (authorization !== undefined) refuseRepeated(rawHeaders, 'authorization');
  if (key !== undefined) refuseRepeated(rawHeaders, 'idempotency-key');
  const { traceparent, tracestate, baggage } = acceptTraceContext(headers as TraceContext);
  return {
    requestId,
    receivedAt,
    deadlineAt: receivedAt + timeoutMs,
    traceparent,
    tracestate,
    baggage,
    caller: {
      name: callerNameOf(headers['user-agent']),
      idempotencyKey: key === undefined ? undefined : parseIdempotencyKey(key),
      authorization,
      address,
    },
  };
}

/** node:http2 joins some repeated headers and keeps the first one of others; a proxy may have checked the other one. */
function refuseRepeated(rawHeaders: readonly string[], wanted: string): void {
  const first = rawHeaders.indexOf(wanted);
  if (first >= 0 && rawHeaders.indexOf(wanted, first + 1) < 0) return;
  let lines = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) if (rawHeaders[index] === wanted) lines += 1;
  if (lines > 1) throw new RpcError('invalid_request', `Send one ${wanted} header`);
}

const ENCODED = /[^\x20-\x24\x26-\x7e]+/g;

/** The value of grpc-message: UTF-8, percent-encoded outside printable ASCII. */
export function encodeMessage(text: string): string {
  return text.replace(ENCODED, (part) => {
    let encoded = '';
    for (const byte of Buffer.from(part)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    return encoded;
  });
}

/** A malformed value is shown as it is: it is an error's only text. */
export function decodeMessage(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** The value of a `-bin` header: base64 without padding. */
export function encodeBinary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64').replace(/=+$/, '');
}

/** With or without padding. */
export function decodeBinary(value: string): Uint8Array {
  return Buffer.from(value, 'base64');
}
