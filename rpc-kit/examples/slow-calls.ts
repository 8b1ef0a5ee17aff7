import type { Interceptor } from 'rpc-kit';

/** Tells of calls that take longer than they should; as good on a server as on a client. */
export function slowCalls(thresholdMs: number, tell: (method: string, ms: number) => void): Interceptor {
  return (next) => async (call) => {
    const startedAt = performance.now();
    try {
      return await next(call);
    } finally {
      const ms = performance.now() - startedAt;
      if (ms > thresholdMs) tell(call.method, ms);
    }
  };
}
