import assert from 'node:assert/strict';
import { testCall } from 'rpc-kit/testing';

describe('testCall', () => {
  it('creates a call that never aborts and has no deadline', () => {
    const { signal, deadlineAt, requestId } = testCall();
    assert.deepEqual([signal.aborted, deadlineAt, requestId], [false, Number.POSITIVE_INFINITY, 'test-request']);
  });

  it('applies the overrides of the test', () => {
    const signal = AbortSignal.abort();
    const call = testCall({ signal, deadlineAt: 5, requestId: 'r1', caller: { name: 'shop/1' } });
    assert.deepEqual([call.signal, call.deadlineAt, call.requestId, call.caller.name], [signal, 5, 'r1', 'shop/1']);
  });

  it('keeps deferred tasks for the test to run', () => {
    const call = testCall();
    const task = async (): Promise<void> => {};
    call.defer(task);
    assert.deepEqual(call.deferred, [task]);
  });
});
