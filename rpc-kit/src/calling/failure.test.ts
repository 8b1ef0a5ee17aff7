import assert from 'node:assert/strict';
import { callOf, shop } from '../../test/call-stubs.ts';
import { CODES, type Code } from '../code.ts';
import { RpcError, type RpcErrorOptions } from '../rpc-error.ts';
import { type Failure, failureOf, hadNoEffect, sendAlone } from './failure.ts';

describe('what a failed call says about its peer', () => {
  const bare: Record<Code, Failure> = {
    parse_error: 'answered',
    invalid_request: 'answered',
    method_not_found: 'answered',
    invalid_params: 'answered',
    internal: 'broken',
    cancelled: 'withdrawn',
    deadline_exceeded: 'broken',
    not_found: 'answered',
    already_exists: 'answered',
    permission_denied: 'answered',
    resource_exhausted: 'pushed-back',
    failed_precondition: 'answered',
    aborted: 'answered',
    unimplemented: 'answered',
    unavailable: 'broken',
    unauthenticated: 'answered',
  };
  for (const code of Object.keys(CODES) as Code[]) {
    it(`a bare ${code}: ${bare[code]}`, () => {
      assert.equal(failureOf(callOf(), new RpcError(code, 'no')), bare[code]);
    });
  }

  it('an unavailable with a time or a reason that no method declares is push-back', () => {
    assert.equal(failureOf(callOf(), sendAlone()), 'pushed-back');
    assert.equal(failureOf(callOf(), new RpcError('unavailable', 'no', { retryAfterMs: 5 })), 'pushed-back');
    assert.equal(failureOf(callOf(), new RpcError('unavailable', 'no', { reason: 'overloaded' })), 'pushed-back');
  });

  it('what never reached the peer is not push-back, whatever else it says', () => {
    const error = new RpcError('unavailable', 'no', { neverSent: true, retryAfterMs: 5 });
    assert.equal(failureOf(callOf(), error), 'not-reached');
  });

  it('a declared reason is an answer, whatever its code', () => {
    const closed = new RpcError('unavailable', 'no', { reason: 'closed' });
    assert.equal(failureOf(callOf({ method: 'buy' }), closed), 'answered');
    assert.equal(failureOf(callOf({ method: 'look' }), closed), 'broken');
    assert.equal(failureOf({ ...callOf(), contract: undefined }, closed), 'broken');
    const mislabelled = new RpcError('internal', 'no', { reason: 'closed' });
    assert.equal(failureOf(callOf({ method: 'buy' }), mislabelled), 'broken');
  });
});

describe('whether a call had no effect', () => {
  const cases: [Code, RpcErrorOptions, boolean][] = [
    ['unavailable', { neverSent: true }, true],
    ['unavailable', { reason: 'overloaded' }, true],
    ['resource_exhausted', { reason: 'overloaded', retryAfterMs: 5 }, true],
    ['unavailable', { reason: 'send_alone' }, true],
    ['unavailable', {}, false],
    ['unavailable', { retryAfterMs: 5 }, false],
    ['resource_exhausted', { retryAfterMs: 5 }, false],
    ['internal', { reason: 'overloaded' }, false],
  ];
  for (const [code, options, certain] of cases) {
    it(`${code} ${JSON.stringify(options)}: ${certain ? 'certainly' : 'unknown'}`, () => {
      assert.equal(hadNoEffect(callOf(), new RpcError(code, 'no', options)), certain);
    });
  }

  it('a contract that declares the reason removes the certainty', () => {
    const errors = { overloaded: { code: 'unavailable', message: 'There is too much to do' } } as const;
    const call = callOf();
    const contract = { ...shop.methods.look, errors };
    const error = new RpcError('unavailable', 'no', { reason: 'overloaded' });
    assert.equal(hadNoEffect({ ...call, contract }, error), false);
  });
});
