import assert from 'node:assert/strict';
import sinon from 'sinon';
import { createTokenBucket } from './token-bucket.ts';

describe('a token bucket', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => {
    clock.restore();
  });

  it('gives no token back before its interval is over, also when the timer fires early', async () => {
    const bucket = createTokenBucket({ tokens: 1, intervalMs: 1_000, waitersMax: 1 });
    (await bucket.take())[Symbol.dispose]();
    const second = bucket.take();
    // As if the loop's turn had begun half a millisecond before the token was given back.
    const now = performance.now.bind(performance);
    sinon.replace(performance, 'now', () => now() - 0.5);
    await clock.tickAsync(1_000);
    assert.equal(bucket.waiting, 1);
    await clock.tickAsync(1);
    assert.equal(bucket.waiting, 0);
    await second;
    sinon.restore();
  });
});
