import type { RpcError } from '../rpc-error.ts';
import type { Logger } from './logger.ts';

/** Errors that `serverLogging` has written. */
const logged = new WeakSet<WeakKey>();

export function markLogged(thrown: unknown): void {
  if (isObject(thrown)) logged.add(thrown);
}

/** Logs the cause of an internal failure, which no answer contains: without `serverLogging`, no other line would say it. */
export function logUnlogged(logger: Logger, error: RpcError, requestId: string): void {
  const { code, cause } = error;
  if (code !== 'internal' || cause === undefined || logged.has(error) || (isObject(cause) && logged.has(cause))) return;
  logger.error({ request_id: requestId, err: cause }, 'call failed');
}

function isObject(value: unknown): value is WeakKey {
  return typeof value === 'object' && value !== null;
}
