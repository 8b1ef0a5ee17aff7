import assert from 'node:assert/strict';
import { CODES, type Code, RpcError } from 'rpc-kit';
import { isCertainRefusal, toOwnFailure } from './peer-errors.ts';

const ALL = Object.keys(CODES) as Code[];
const PASSED_ON: Code[] = ['cancelled', 'deadline_exceeded', 'resource_exhausted', 'aborted', 'unavailable'];

describe('toOwnFailure', () => {
  const cause = new Error('ECONNREFUSED');
  const failureOf = (code: Code) =>
    new RpcError(code, 'a message', { reason: 'a_reason', details: { sku: 1 }, retryAfterMs: 700, cause });

  for (const code of PASSED_ON) {
    it(`passes ${code} on, with the time to wait and without the peer's reason`, () => {
      const failure = toOwnFailure('loms', failureOf(code));
      assert(failure instanceof RpcError);
      const { message, retryAfterMs, reason, details } = failure;
      assert.deepEqual(
        { code: failure.code, message, retryAfterMs, reason, details, cause: failure.cause },
        { code, message: 'a message', retryAfterMs: 700, reason: undefined, details: undefined, cause },
      );
    });
  }

  for (const code of ALL.filter((code) => !PASSED_ON.includes(code))) {
    it(`maps ${code} to an internal failure, and keeps it as the cause`, () => {
      const answered = failureOf(code);
      const failure = toOwnFailure('loms', answered);
      assert(!(failure instanceof RpcError));
      assert.equal(failure.message, `loms answered ${code}: a message`);
      assert.equal(failure.cause, answered);
    });
  }

  it('maps any other error to an internal failure', () => {
    const failure = toOwnFailure('products', cause);
    assert(!(failure instanceof RpcError));
    assert.equal(failure.cause, cause);
  });
});

describe('isCertainRefusal', () => {
  it('accepts only a refusal of the content, which held for earlier attempts too', () => {
    assert.deepEqual(
      ALL.filter((code) => isCertainRefusal(new RpcError(code, 'no'))),
      ['invalid_params'],
    );
  });

  it('does not treat a transport failure as a refusal', () => {
    assert.equal(isCertainRefusal(new TypeError('fetch failed')), false);
  });
});
