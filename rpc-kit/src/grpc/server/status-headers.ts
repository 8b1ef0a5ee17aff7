import type { RpcError } from '../../rpc-error.ts';
import { ACCEPTED_ENCODINGS, encodeBinary, encodeMessage, GRPC_HEADERS } from '../metadata.ts';
import { type DetailsMessages, encodeStatus, grpcStatusOf, MESSAGE_LENGTH_MAX } from '../status.ts';
import type { Router } from './router.ts';

/** For gRPC clients with a retry policy of their own (proposal A6 of grpc). */
const PUSHBACK = 'grpc-retry-pushback-ms';

/** The trailers of an answer that is an error. */
export function statusHeaders(
  error: RpcError,
  { domain, logger }: Pick<Router, 'domain' | 'logger'>,
  details: DetailsMessages | undefined,
  requestId: string,
): { readonly status: number; readonly headers: Record<string, string> } {
  const status = grpcStatusOf(error);
  const headers: Record<string, string> = {
    [GRPC_HEADERS.status]: String(status),
    [GRPC_HEADERS.message]: encodeMessage(error.message.slice(0, MESSAGE_LENGTH_MAX)),
  };
  try {
    headers[GRPC_HEADERS.details] = encodeBinary(encodeStatus(error, { domain, requestId, details }));
  } catch (failure) {
    logger.error({ err: failure, request_id: requestId }, 'details of an error do not fit their message');
  }
  if (error.retryAfterMs !== undefined) headers[PUSHBACK] = String(Math.ceil(error.retryAfterMs));
  if (error.code === 'unimplemented') headers[GRPC_HEADERS.acceptEncoding] = ACCEPTED_ENCODINGS;
  return { status, headers };
}
