import assert from 'node:assert/strict';
import { testCall } from 'rpc-kit/testing';

describe('testCall', () => {
  it('gives a call that nobody aborts and that has no deadline', () => {
    const { signal, deadlineAt, requestId } = testCall();
    assert.deepEqual([signal.aborted, deadlineAt, requestId], [false, Number.POSITIVE_INFINITY, 'test-request']);
  });

  it('takes over what the test says', () => {
    const signal = AbortSignal.abort();
    const call = testCall({ signal, deadlineAt: 5, requestId: 'r1', caller: { name: 'shop/1' } });
    assert.deepEqual([call.signal, call.deadlineAt, call.requestId, call.caller.name], [signal, 5, 'r1', 'shop/1']);
  });

  it('keeps what is deferred with it, for the test to run', () => {
    const call = testCall();
    const task = async (): Promise<void> => {};
    call.defer(task);
    assert.deepEqual(call.deferred, [task]);
  });
});
