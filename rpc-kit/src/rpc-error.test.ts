import assert from 'node:assert/strict';
import { RpcError, toRpcError } from './rpc-error.ts';

describe('RpcError', () => {
  it('is an Error that carries its code and, where given, reason, details, pause and request id', () => {
    const error = new RpcError('failed_precondition', 'There is less on sale', {
      reason: 'out_of_stock',
      details: { sku: 1 },
      retryAfterMs: 100,
      requestId: 'r1',
    });
    assert.ok(error instanceof Error);
    const { name, message, code, reason, details, retryAfterMs, requestId } = error;
    assert.deepEqual(
      { name, message, code, reason, details, retryAfterMs, requestId },
      {
        name: 'RpcError',
        message: 'There is less on sale',
        code: 'failed_precondition',
        reason: 'out_of_stock',
        details: { sku: 1 },
        retryAfterMs: 100,
        requestId: 'r1',
      },
    );
  });

  it('has the member cause only when a cause is given', () => {
    const cause = new Error('why');
    assert.equal(new RpcError('internal', 'Internal error', { cause }).cause, cause);
    assert.equal(Object.hasOwn(new RpcError('internal', 'Internal error'), 'cause'), false);
  });

  it('counts as sent unless it says otherwise', () => {
    assert.equal(new RpcError('unavailable', 'It cannot be reached').neverSent, false);
    assert.equal(new RpcError('unavailable', 'It cannot be reached', { neverSent: true }).neverSent, true);
  });
});

describe('toRpcError', () => {
  it('leaves an RpcError as it is', () => {
    const error = new RpcError('not_found', 'There is none');
    assert.equal(toRpcError(error), error);
  });

  it('makes internal of anything else and says nothing of it but in the cause', () => {
    for (const thrown of [new Error('SELECT secret'), 'text', null, undefined, 5]) {
      const error = toRpcError(thrown);
      assert.deepEqual([error.code, error.message, error.cause], ['internal', 'Internal error', thrown]);
    }
  });
});
