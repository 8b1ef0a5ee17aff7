import { CODES } from '../../code.ts';
import { type RpcError, toRpcError } from '../../rpc-error.ts';
import type { Service } from '../../server.ts';
import { type FaceContext, toCall } from '../metadata.ts';
import { retryAfterHeader, toPlainError } from '../wire-error.ts';
import { HttpRefusal, parseBody } from './body.ts';
import type { HttpLimits } from './limits.ts';

/** An answer that is not yet serialized. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  /** A wire value, sent as JSON. */
  readonly body: unknown;
}

/** An answer whose text is sent unchanged. */
export interface TextAnswer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly text: string;
}

/** `POST /<method>`: bare params in, bare result out. No body means no params. */
export function callPlain(
  service: Service,
  method: string,
  text: string,
  { metadata, caller, answerHeaders }: FaceContext,
  limits: HttpLimits,
): Promise<unknown> {
  const params = text === '' ? undefined : parseBody(text, limits);
  return service.call(toCall(service.contract.name, method, params, metadata, answerHeaders), caller);
}

/** RFC 9110, section 11.6.1: every 401 names a scheme by which a caller can authenticate. */
const CHALLENGE = { 'www-authenticate': 'Bearer' };

/** Any failure in the form of the plain face, which pages and unknown addresses share. */
export function plainRefusal(error: unknown, requestId: string): HttpAnswer {
  const rpcError: RpcError = toRpcError(error);
  const status = error instanceof HttpRefusal ? error.status : CODES[rpcError.code].http;
  return {
    status,
    headers: { ...retryAfterHeader(rpcError), ...(status === 401 && CHALLENGE) },
    body: { error: toPlainError(rpcError, requestId) },
  };
}
