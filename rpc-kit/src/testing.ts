/**
 * Calls for tests of handlers and interceptors.
 *
 * @module
 */

import type { DeferredTask, ServedCall } from './call.ts';

/** A call that `testCall` makes. */
export interface TestCall extends ServedCall {
  /** The tasks that were deferred. Only the test runs them. */
  readonly deferred: readonly DeferredTask[];
}

/**
 * A call for tests of handlers and interceptors. It never aborts and has no deadline, unless the overrides set them. To call a
 * whole service in memory, pass it to a client as the transport: `createClient(loms, implement(loms, handlers))`.
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
