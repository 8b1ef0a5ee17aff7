import { type Code, RpcError } from 'rpc-kit';

/** What a peer's failure means to our own caller: it may come again. Any other code says that we asked wrongly. */
const PASSED_ON = new Set<Code>(['unavailable', 'deadline_exceeded', 'cancelled', 'resource_exhausted', 'aborted']);

/** A failure of a peer as a failure of ours: without a reason of the peer's contract, which our callers do not know. */
export function toOwnFailure(peer: string, error: unknown): Error {
  if (!(error instanceof RpcError)) return new Error(`${peer} failed`, { cause: error });
  if (!PASSED_ON.has(error.code))
    return new Error(`${peer} answered ${error.code}: ${error.message}`, { cause: error });
  const { code, retryAfterMs, cause } = error;
  return new RpcError(code, error.message, { retryAfterMs, cause });
}

/**
 * Whether the peer refuses the request for what it says, so that it refused it every time. Other refusals (a wrong token, a
 * proxy's 400, a method that a deployment has yet to bring) can follow an attempt that took effect.
 */
export function isCertainRefusal(error: unknown): boolean {
  return error instanceof RpcError && error.code === 'invalid_params';
}
