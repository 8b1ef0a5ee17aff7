import type { Logger } from 'pino';
import type { Call, Interceptor, Next } from '../call.ts';
import { type RpcError, toRpcError } from '../rpc-error.ts';
import { type LogFields, runInLogScope } from './log-scope.ts';
import { parseTraceparent } from './trace-context.ts';

/**
 * One line a call, when it is over: who called what, how it ended, how long it took. Params are never logged: they hold
 * tokens. While the call runs, every line of the process's logger carries its request id, and its trace where it has one
 * (see `logScope`). Inside of `serverTracing`, that is the span of this service.
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
    logger.info(line('ok'), 'call');
    return result;
  } catch (error) {
    logFailure(logger, toRpcError(error), line);
    throw error;
  }
}

/** A caller's mistake is daily business; what the caller is not told about has to be found here. */
function logFailure(logger: Logger, error: RpcError, line: (code: string) => object): void {
  const fields = { ...line(error.code), reason: error.reason };
  if (error.code === 'internal') logger.error({ ...fields, err: error.cause ?? error }, 'call failed');
  else if (error.cause !== undefined) logger.warn({ ...fields, err: error.cause }, 'call failed');
  else logger.info(fields, 'call');
}

/** One line a call that this process makes, at the level `debug`: whom it asked, how that ended, how long it took. */
export function clientLogging(logger: Logger): Interceptor {
  return (next) => (call) => (logger.isLevelEnabled('debug') ? loggedAsked(logger, next, call) : next(call));
}

async function loggedAsked(logger: Logger, next: Next, call: Call): Promise<unknown> {
  const startedAt = performance.now();
  const tell = (code: string, reason?: string): void => {
    const ms = millisecondsSince(startedAt);
    logger.debug({ peer: call.service, peer_method: call.method, code, reason, ms }, 'asked');
  };
  try {
    const result = await next(call);
    tell('ok');
    return result;
  } catch (error) {
    const { code, reason } = toRpcError(error);
    tell(code, reason);
    throw error;
  }
}

/** To a tenth. */
function millisecondsSince(startedAt: number): number {
  return Math.round((performance.now() - startedAt) * 10) / 10;
}
