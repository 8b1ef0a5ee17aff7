import { type Code, RpcError } from 'rpc-kit';

/** Codes that also hold for checkout's own caller. Any other code means a mistake of checkout. */
const PASSED_ON = new Set<Code>(['unavailable', 'deadline_exceeded', 'cancelled', 'resource_exhausted', 'aborted']);

/** Maps a peer's failure to checkout's own, without the reason, which belongs to the peer's contract. */
export function toOwnFailure(peer: string, error: unknown): Error {
  if (!(error instanceof RpcError)) return new Error(`${peer} failed`, { cause: error });
  if (!PASSED_ON.has(error.code))
    return new Error(`${peer} answered ${error.code}: ${error.message}`, { cause: error });
  const { code, retryAfterMs, cause } = error;
  return new RpcError(code, error.message, { retryAfterMs, cause });
}

/**
 * Whether the peer refuses the request because of its content, so that earlier attempts failed too. Other refusals (a wrong
 * token, a proxy's 400, a method that is not deployed yet) can follow an attempt that took effect.
 */
export function isCertainRefusal(error: unknown): boolean {
  return error instanceof RpcError && error.code === 'invalid_params';
}
