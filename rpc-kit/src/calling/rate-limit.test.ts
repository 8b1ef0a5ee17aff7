import assert from 'node:assert/strict';
import sinon from 'sinon';
import { testCall } from '../testing.ts';
import { rateLimit } from './rate-limit.ts';
import { createTokenBucket } from './token-bucket.ts';

describe('the rate limit', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => {
    clock.restore();
  });

  it('lets calls pass while there are tokens, and makes further ones wait their turn', async () => {
    const passed: string[] = [];
    const limited = rateLimit(createTokenBucket({ tokens: 2, intervalMs: 1_000, waitersMax: 2 }))(async (call) => {
      passed.push(call.requestId);
      return call.requestId;
    });
    const answers = ['r1', 'r2', 'r3', 'r4'].map((requestId) => limited(testCall({ requestId })));
    await clock.tickAsync(999);
    assert.deepEqual(passed, ['r1', 'r2']);
    await clock.tickAsync(1);
    assert.deepEqual(await Promise.all(answers), ['r1', 'r2', 'r3', 'r4']);
  });

  it('keeps a token for as long as its call takes, also when that fails', async () => {
    const bucket = createTokenBucket({ tokens: 1, intervalMs: 1_000, waitersMax: 1 });
    const failure = Promise.withResolvers<never>();
    const first = rateLimit(bucket)(() => failure.promise)(testCall());
    const second = rateLimit(bucket)(async () => 'second')(testCall());
    await clock.tickAsync(5_000);
    assert.equal(bucket.waiting, 1);
    failure.reject(new Error('no'));
    await assert.rejects(first, { message: 'no' });
    await clock.tickAsync(1_000);
    assert.equal(await second, 'second');
  });

  it('ends the wait of a call whose signal aborts', async () => {
    const bucket = createTokenBucket({ tokens: 1, intervalMs: 1_000, waitersMax: 1 });
    const limited = rateLimit(bucket)(async () => 'passed');
    await limited(testCall());
    const controller = new AbortController();
    const waiting = limited(testCall({ signal: controller.signal }));
    controller.abort();
    await assert.rejects(waiting, { code: 'cancelled' });
    assert.equal(bucket.waiting, 0);
  });

  it('refuses a call when too many wait', async () => {
    const limited = rateLimit(createTokenBucket({ tokens: 1, intervalMs: 1_000, waitersMax: 0 }))(async () => 'passed');
    await limited(testCall());
    await assert.rejects(limited(testCall()), { code: 'resource_exhausted', retryAfterMs: 1_000 });
  });

  it('limits the methods that it is given, and adds no step to the others', async () => {
    const limiter = createTokenBucket({ tokens: 1, intervalMs: 1_000, waitersMax: 0 });
    const answer = Promise.resolve('passed');
    const limited = rateLimit(limiter, { methods: ['buy'] })(() => answer);
    await limited(testCall({ method: 'buy' }));
    await assert.rejects(limited(testCall({ method: 'buy' })), { code: 'resource_exhausted' });
    assert.equal(limited(testCall({ method: 'look' })), answer);
  });
});
