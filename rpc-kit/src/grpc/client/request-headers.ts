import type { Call } from '../../call.ts';
import { callMetaOf, carriable, METADATA_HEADERS, toIdempotencyKeyHeader } from '../../http/sent-metadata.ts';
import { ACCEPTED_ENCODINGS, CONTENT_TYPE, GRPC_HEADERS, toTimeout } from '../metadata.ts';

/** The headers of every call of one transport. */
export function fixedHeaders(origin: string, host: string | undefined, userAgent: string): readonly string[] {
  const url = new URL(origin);
  return [
    ...[':method', 'POST'],
    ...[':scheme', url.protocol.slice(0, -1)],
    ...[':authority', host ?? url.host],
    ...['te', 'trailers'],
    ...['content-type', CONTENT_TYPE],
    ...['user-agent', userAgent],
    ...[GRPC_HEADERS.acceptEncoding, ACCEPTED_ENCODINGS],
  ];
}

/**
 * The headers of one call, names and values alternating.
 * @throws {RpcError} invalid_request for metadata that no header can carry
 */
export function headersOf(fixed: readonly string[], path: string, call: Call, authorization?: string): string[] {
  const { requestId, deadlineMs, traceparent, tracestate, baggage, idempotencyKey } = callMetaOf(call);
  const headers = [':path', path, ...fixed];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) headers.push(name, value);
  };
  add(GRPC_HEADERS.timeout, deadlineMs === undefined ? undefined : toTimeout(deadlineMs));
  add(METADATA_HEADERS.requestId, requestId);
  add(METADATA_HEADERS.traceparent, traceparent);
  add(METADATA_HEADERS.tracestate, tracestate);
  add(METADATA_HEADERS.baggage, baggage);
  add(
    METADATA_HEADERS.idempotencyKey,
    idempotencyKey === undefined ? undefined : toIdempotencyKeyHeader(idempotencyKey),
  );
  // node:http2 checks no values.
  add('authorization', carriable(authorization));
  return headers;
}
