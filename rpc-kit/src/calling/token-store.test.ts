import assert from 'node:assert/strict';
import sinon from 'sinon';
import { createMemoryTokenStore } from './token-store.ts';

describe('The token store of one process', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(() => {
    clock.restore();
  });

  const lease = { bucket: 'a', wanted: 4, capacity: 10, perSecond: 2 };

  it('grants what a bucket holds, and says when it has the next token', async () => {
    const store = createMemoryTokenStore();
    const grants = [];
    for (let each = 0; each < 4; each++) grants.push(await store.lease(lease));
    assert.deepEqual(grants, [
      { granted: 4, retryAfterMs: 0 },
      { granted: 4, retryAfterMs: 0 },
      { granted: 2, retryAfterMs: 0 },
      { granted: 0, retryAfterMs: 500 },
    ]);
  });

  it('fills a bucket with time, up to its capacity, and keeps parts of a token', async () => {
    const store = createMemoryTokenStore();
    const all = { ...lease, wanted: 10 };
    await store.lease(all);
    clock.tick(1_750);
    assert.equal((await store.lease(all)).granted, 3);
    clock.tick(250);
    assert.equal((await store.lease(all)).granted, 1);
    clock.tick(60_000);
    assert.equal((await store.lease({ ...all, wanted: 100 })).granted, 10);
  });

  it('forgets the bucket that was not used for longest, beyond ten thousand', async () => {
    const store = createMemoryTokenStore();
    const all = { ...lease, wanted: 10 };
    for (let bucket = 0; bucket <= 10_000; bucket++) await store.lease({ ...all, bucket: `b${bucket}` });
    assert.equal((await store.lease({ ...all, bucket: 'b1' })).granted, 0);
    assert.equal((await store.lease({ ...all, bucket: 'b0' })).granted, 10);
  });
});
