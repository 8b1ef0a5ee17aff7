import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import sinon from 'sinon';
import { createTokenBucket } from '../calling/token-bucket.ts';
import { measureLimiter } from './limiter-metrics.ts';

describe('measureLimiter', () => {
  let clock: sinon.SinonFakeTimers;
  let registry: Registry;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
    registry = new Registry();
  });
  afterEach(() => clock.restore());

  const bucket = () => createTokenBucket({ tokens: 1, intervalMs: 1_000, waitersMax: 1 });
  async function seriesValue(line: string): Promise<number | undefined> {
    const found = (await registry.metrics()).split('\n').find((each) => each.startsWith(`${line} `));
    return found === undefined ? undefined : Number(found.slice(line.length + 1));
  }

  it('measures the waiting callers, and how long granted callers waited', async () => {
    const limiter = measureLimiter(registry, 'products', bucket());
    (await limiter.take())[Symbol.dispose]();
    const second = limiter.take();
    assert.equal(limiter.waiting, 1);
    assert.equal(await seriesValue('rpc_limiter_waiting{limiter="products"}'), 1);
    await clock.tickAsync(1_001);
    (await second)[Symbol.dispose]();
    assert.equal(await seriesValue('rpc_limiter_waiting{limiter="products"}'), 0);
    const wait = (suffix: string) => `rpc_limiter_wait_seconds_${suffix}limiter="products",outcome="taken"}`;
    assert.equal(await seriesValue(wait('count{')), 2);
    assert.equal(await seriesValue(wait('bucket{le="0.5",')), 1);
    assert.equal(await seriesValue(wait('bucket{le="2.5",')), 2);
  });

  it('distinguishes callers that were refused, callers that left, and failures of the limiter', async () => {
    const limiter = measureLimiter(registry, 'products', bucket());
    using _turn = await limiter.take();
    const caller = new AbortController();
    const waiting = limiter.take(caller.signal);
    await assert.rejects(limiter.take(), { code: 'resource_exhausted' });
    caller.abort(new Error('the caller left'));
    await assert.rejects(waiting, { code: 'cancelled' });
    const broken = measureLimiter(registry, 'other', {
      take: () => Promise.reject(new Error('no database')),
      waiting: 0,
    });
    await assert.rejects(broken.take(), /no database/);
    const count = (limiterName: string, outcome: string) =>
      seriesValue(`rpc_limiter_wait_seconds_count{limiter="${limiterName}",outcome="${outcome}"}`);
    assert.deepEqual(
      [await count('products', 'refused'), await count('products', 'left'), await count('other', 'failed')],
      [1, 1, 1],
    );
  });
});
