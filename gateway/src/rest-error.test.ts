import assert from 'node:assert/strict';
import { OVERLOADED, RpcError } from 'rpc-kit';
import { toRestAnswer } from './rest-error.ts';

describe('A service that is not available', () => {
  const adviceOf = (error: RpcError): string => {
    const { status, error: shown } = toRestAnswer(error, 'request-1');
    assert.deepEqual([status, shown.code, shown.retryAfterMs], [503, 'unavailable', 1_000]);
    return shown.message.replace('A service is not available right now; ', '');
  };

  it('is told apart by whether the request may have taken effect', () => {
    const again = 'send the request again after Retry-After';
    assert.equal(adviceOf(new RpcError('unavailable', 'refused', { neverSent: true })), again);
    assert.equal(adviceOf(new RpcError('unavailable', 'busy', { reason: OVERLOADED })), again);
    assert.equal(adviceOf(new RpcError('resource_exhausted', 'busy')), again);
    const broken = new RpcError('unavailable', 'The connection to checkout broke: 10.0.0.7');
    assert.equal(adviceOf(broken), 'the request may have taken effect');
  });
});
