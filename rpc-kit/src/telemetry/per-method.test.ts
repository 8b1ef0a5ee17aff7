import assert from 'node:assert/strict';
import { callOf } from '../../test/call-stubs.ts';
import { testCall } from '../testing.ts';
import { perMethod } from './per-method.ts';

describe('a value for each method', () => {
  it('is the same for all calls of a method', () => {
    const find = perMethod(() => ({}));
    assert.equal(find(callOf({ method: 'buy' })), find(callOf({ method: 'buy' })));
  });

  it('is another for another method, and for another service', () => {
    const find = perMethod(() => ({}));
    const found = [
      callOf({ method: 'buy' }),
      callOf({ method: 'look' }),
      callOf({ service: 'market', method: 'buy' }),
    ].map(find);
    assert.equal(new Set(found).size, 3);
  });

  it('is one for all methods that no contract has', () => {
    const made: string[] = [];
    const find = perMethod(({ method }) => made.push(method));
    for (const method of ['one', 'two', 'three']) find(testCall({ method, contract: undefined }));
    assert.deepEqual(made, ['one']);
  });
});
