import type { Logger } from 'pino';
import type { Call, Interceptor, Next } from '../call.ts';
import { type RpcError, toRpcError } from '../rpc-error.ts';
import { type LogFields, runInLogScope } from './log-scope.ts';
import { parseTraceparent } from './trace-context.ts';

/**
 * Logs one line for each call when it ends: caller, method, code, duration. Params are never logged, because they hold tokens. While
 * the call runs, `logScope` adds its request id and trace to every log line; inside of `serverTracing`, the trace names the span
 * of this service.
 */
export function serverLogging(logger: Logger): Interceptor {
  return (next) => (call) => runInLogScope(scopeOf(call), () => logged(logger, next, call));
}

function scopeOf({ requestId, traceparent }: Call): LogFields {
  const parent = parseTraceparent(traceparent);
  return parent
    ? { request_id: requestId, trace_id: parent.traceId, span_id: parent.spanId }
    : { request_id: requestId };
}

async function logged(logger: Logger, next: Next, call: Call): Promise<unknown> {
  const startedAt = performance.now();
  const line = (code: string) => ({
    method: call.contract ? call.method : 'unknown',
    caller: call.caller.name,
    code,
    ms: millisecondsSince(startedAt),
  });
  try {
    const result = await next(call);
    logger[call.contract?.polled ? 'debug' : 'info'](line('ok'), 'call');
    return result;
  } catch (error) {
    logFailure(logger, toRpcError(error), line);
    throw error;
  }
}

/** Mistakes of callers are routine. A hidden cause, which the answer does not contain, is a warning or an error. */
function logFailure(logger: Logger, error: RpcError, line: (code: string) => object): void {
  const fields = { ...line(error.code), reason: error.reason };
  if (error.code === 'internal') logger.error({ ...fields, err: error.cause ?? error }, 'call failed');
  else if (error.cause !== undefined) logger.warn({ ...fields, err: error.cause }, 'call failed');
  else logger.info(fields, 'call');
}

/** Logs one line at the level `debug` for each outgoing call: peer, method, code, duration. */
export function clientLogging(logger: Logger): Interceptor {
  return (next) => (call) => (logger.isLevelEnabled('debug') ? loggedOutgoing(logger, next, call) : next(call));
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
