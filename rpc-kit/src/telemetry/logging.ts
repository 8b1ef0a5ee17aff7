import type { Call, Interceptor, Next } from '../call.ts';
import { type RpcError, toRpcError } from '../rpc-error.ts';
import { CallLine } from './call-line.ts';
import type { CallLogFields } from './log-fields.ts';
import { runInScopeOf } from './log-scope.ts';
import type { Logger } from './logger.ts';
import { knownMethod } from './per-method.ts';
import { markLogged } from './unlogged.ts';

/**
 * Logs one line for each call when it ends: caller, method, code, duration. Params are never logged, because they hold tokens. While
 * the call runs, `logScope` adds its request id and trace to every log line; inside of `serverTracing`, the trace names the span
 * of this service.
 */
export function serverLogging(logger: Logger): Interceptor {
  return (next) => {
    const logged = async (call: Call, scope: CallLogFields | undefined): Promise<unknown> => {
      const { startedAt = performance.now() } = call;
      try {
        const result = await next(call);
        const line = new CallLine(call, millisecondsSince(startedAt), scope);
        logger[call.contract?.polled ? 'debug' : 'info'](line, 'call');
        return result;
      } catch (error) {
        logFailure(logger, call, toRpcError(error), millisecondsSince(startedAt));
        markLogged(error);
        throw error;
      }
    };
    return (call) => runInScopeOf(call, logged);
  };
}

/** Mistakes of callers are routine. A hidden cause, which the answer does not contain, is a warning or an error. */
function logFailure(logger: Logger, call: Call, error: RpcError, ms: number): void {
  const fields = { method: knownMethod(call), caller: call.caller.name, code: error.code, ms, reason: error.reason };
  if (error.code === 'internal') logger.error({ ...fields, err: error.cause ?? error }, 'call failed');
  else if (error.cause !== undefined) logger.warn({ ...fields, err: error.cause }, 'call failed');
  else logger.info(fields, 'call');
}

/** Logs one line at the level `debug` for each outgoing call: peer, method, code, duration. */
export function clientLogging(logger: Logger): Interceptor {
  const isDebugEnabled = (): boolean => logger.isLevelEnabled?.('debug') ?? true;
  return (next) => (call) => (isDebugEnabled() ? loggedOutgoing(logger, next, call) : next(call));
}

async function loggedOutgoing(logger: Logger, next: Next, call: Call): Promise<unknown> {
  const startedAt = performance.now();
  const log = (code: string, reason?: string): void => {
    const ms = millisecondsSince(startedAt);
    logger.debug({ peer: call.service, peer_method: call.method, code, reason, ms }, 'asked');
  };
  try {
    const result = await next(call);
    log('ok');
    return result;
  } catch (error) {
    const { code, reason } = toRpcError(error);
    log(code, reason);
    throw error;
  }
}

/** Rounded to a tenth. */
function millisecondsSince(startedAt: number): number {
  return Math.round((performance.now() - startedAt) * 10) / 10;
}
