import type { DeferredTask, ServedCall } from './call.ts';

export interface TestCall extends ServedCall {
  /** What was deferred with the call. Nothing runs it but the test. */
  readonly deferred: readonly DeferredTask[];
}

/**
 * A call for tests of handlers and interceptors, and the context for whatever a handler passes it on to: nobody aborts it
 * and it has no deadline, unless the overrides say so. To call a whole service in memory, give it to a client in place of
 * a transport: `createClient(loms, implement(loms, handlers))`.
 */
export function testCall(overrides: Partial<ServedCall> = {}): TestCall {
  const deferred: DeferredTask[] = [];
  return {
    service: 'test',
    method: 'test',
    contract: undefined,
    params: {},
    signal: new AbortController().signal,
    deadlineAt: Number.POSITIVE_INFINITY,
    requestId: 'test-request',
    caller: {},
    defer: (task) => deferred.push(task),
    deferred,
    ...overrides,
  };
}
