import { constants } from 'node:http2';
import type { Code } from '../../code.ts';
import { RpcError } from '../../rpc-error.ts';

/** gRPC's status for a stream that the peer reset (PROTOCOL-HTTP2.md of grpc, "Errors"). All others are INTERNAL. */
const CODES_OF_RESETS: ReadonlyMap<number, Code> = new Map([
  [constants.NGHTTP2_REFUSED_STREAM, 'unavailable'],
  [constants.NGHTTP2_CANCEL, 'cancelled'],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, 'resource_exhausted'],
  [constants.NGHTTP2_INADEQUATE_SECURITY, 'permission_denied'],
]);

/** The error of a call whose stream the peer reset before it answered. */
export function resetError(code: number, cause: Error | undefined): RpcError {
  const message = `The peer reset the call with HTTP/2 error ${code}`;
  return new RpcError(CODES_OF_RESETS.get(code) ?? 'internal', message, { cause });
}
