import { type Code, RpcError } from 'rpc-kit';

/** What a peer's failure means to our own caller: it may come again. Any other code says that we asked wrongly. */
const PASSED_ON = new Set<Code>(['unavailable', 'deadline_exceeded', 'cancelled', 'resource_exhausted', 'aborted']);

/** The peer certainly did nothing, and asking it the same again would end the same. */
const CERTAINLY_REFUSED = new Set<Code>([
  'invalid_request',
  'method_not_found',
  'invalid_params',
  'permission_denied',
  'unimplemented',
  'unauthenticated',
]);

/** A failure of a peer as a failure of ours: without a reason of the peer's contract, which our callers do not know. */
export function toOwnFailure(peer: string, error: unknown): Error {
  if (!(error instanceof RpcError)) return new Error(`${peer} failed`, { cause: error });
  if (!PASSED_ON.has(error.code))
    return new Error(`${peer} answered ${error.code}: ${error.message}`, { cause: error });
  const { code, retryAfterMs, cause } = error;
  return new RpcError(code, error.message, { retryAfterMs, cause });
}

export function isCertainRefusal(error: unknown): boolean {
  return error instanceof RpcError && CERTAINLY_REFUSED.has(error.code);
}
