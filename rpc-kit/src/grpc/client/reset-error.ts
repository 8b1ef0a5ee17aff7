import { constants } from 'node:http2';
import type { Code } from '../../code.ts';
import { deadlineExceeded } from '../../deadline.ts';
import { RpcError } from '../../rpc-error.ts';

/** gRPC's status for a stream that the peer reset (PROTOCOL-HTTP2.md of grpc, "Errors"). All others are INTERNAL. */
const CODES_OF_RESETS: ReadonlyMap<number, Code> = new Map([
  [constants.NGHTTP2_REFUSED_STREAM, 'unavailable'],
  [constants.NGHTTP2_CANCEL, 'cancelled'],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, 'resource_exhausted'],
  [constants.NGHTTP2_INADEQUATE_SECURITY, 'permission_denied'],
]);

/** The header grpc-timeout rounds down to a millisecond, so the peer's timer may fire that much before the own one. */
const TIMEOUT_ROUNDING_MS = 1;

/** The error of a call whose stream the peer reset before it answered. */
export function resetError(code: number, deadlineAt: number, cause: Error | undefined): RpcError {
  // Some servers reset a call at its deadline, and the caller's own timer has not fired yet.
  const isLate = performance.now() >= deadlineAt - TIMEOUT_ROUNDING_MS;
  if (code === constants.NGHTTP2_CANCEL && isLate) return deadlineExceeded();
  const message = `The peer reset the call with HTTP/2 error ${code}`;
  return new RpcError(CODES_OF_RESETS.get(code) ?? 'internal', message, { cause });
}
