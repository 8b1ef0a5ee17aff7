import assert from 'node:assert/strict';
import { retryDelayMs } from './retry-delay.ts';

const BOUNDS = { baseMs: 100, maxMs: 1_000 };

describe('The delay before the next attempt', () => {
  it('doubles with each attempt, up to its bound', () => {
    const delays = [1, 2, 3, 5, 2_000].map((attempts) => retryDelayMs(attempts, new Error('no answer'), BOUNDS));
    assert.deepEqual(delays, [100, 200, 400, 1_000, 1_000]);
  });

  it('is as long as the failure asks for, also beyond the bound, and never shorter than the backoff', () => {
    const asking = (retryAfterMs: number) => Object.assign(new Error('later'), { retryAfterMs });
    assert.equal(retryDelayMs(1, asking(60_000), BOUNDS), 60_000);
    assert.equal(retryDelayMs(3, asking(5), BOUNDS), 400);
  });

  it('does not depend on what was thrown', () => {
    for (const thrown of [undefined, null, 'no', { retryAfterMs: '5' }])
      assert.equal(retryDelayMs(1, thrown, BOUNDS), 100);
  });
});
