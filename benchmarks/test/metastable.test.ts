import assert from 'node:assert/strict';
import { createPool } from '../metastable/pool.ts';
import { goodputBefore, type Phases, recoverySeconds } from '../metastable/tally.ts';

const PHASES: Phases = { beforeSeconds: 2, stallSeconds: 1, afterSeconds: 4 };

/** Buckets of half a second; the first two seconds serve 10 calls each. */
function tallyOf(...after: number[]) {
  return { calls: 0, attempts: [], goodput: [5, 5, 10, 10, 0, 0, ...after] };
}

describe('The benchmark of a metastable failure', () => {
  it('compares with the goodput before the stall, without the first second', () => {
    assert.equal(goodputBefore(tallyOf(), PHASES), 20);
  });

  it('counts a service as back when two seconds in a row are good', () => {
    assert.equal(recoverySeconds(tallyOf(9, 9, 9, 9, 10, 10, 10, 10), PHASES), 0);
    assert.equal(recoverySeconds(tallyOf(0, 2, 10, 10, 10, 10, 10, 10), PHASES), 1);
  });

  it('counts a service as down that answers a few calls in time', () => {
    assert.equal(recoverySeconds(tallyOf(10, 0, 0, 10, 0, 0, 10, 0), PHASES), Number.POSITIVE_INFINITY);
  });

  it('has a pool whose jobs leave the queue when their callers do', async () => {
    const pool = createPool({ slots: 1, serviceMs: 1 });
    const caller = new AbortController();
    const [first, second, third] = [pool.run(), pool.run(caller.signal), pool.run()];
    caller.abort();
    await assert.rejects(second);
    await Promise.all([first, third]);
  });
});
