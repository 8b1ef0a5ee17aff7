import assert from 'node:assert/strict';
import { isAlive, stampProcess } from './process-stamp.ts';

describe('The stamp of a process', () => {
  it('finds a process again', () => {
    const stamp = stampProcess('mocha', process.pid);
    assert.ok(stamp);
    assert.deepEqual(stampProcess('mocha', process.pid), stamp);
    assert.ok(isAlive(stamp));
  });

  it('does not match another process with the same pid', () => {
    const stamp = stampProcess('mocha', process.pid);
    assert.ok(stamp);
    assert.equal(isAlive({ ...stamp, identity: `${stamp.identity}0` }), false);
  });

  it('is undefined where there is no process', () => {
    assert.equal(stampProcess('none', 2 ** 30), undefined);
  });
});
