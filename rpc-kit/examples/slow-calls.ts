import type { Interceptor } from 'rpc-kit';

/** Reports calls that take longer than the threshold. Works on servers and on clients. */
export function slowCalls(thresholdMs: number, report: (method: string, ms: number) => void): Interceptor {
  return (next) => async (call) => {
    const startedAt = performance.now();
    try {
      return await next(call);
    } finally {
      const ms = performance.now() - startedAt;
      if (ms > thresholdMs) report(call.method, ms);
    }
  };
}
