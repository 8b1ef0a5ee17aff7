import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { forgetFullBuckets } from 'service-kit';
import { type Accounts, openAccounts } from './accounts-fixture.ts';

describe('A shared token bucket', () => {
  let fixture: Accounts;

  before(async () => {
    fixture = await openAccounts();
  });
  after(() => fixture?.[Symbol.asyncDispose]());

  /** Moves the bucket's past away from now, as if time had passed. */
  const pass = (bucket: string, seconds: number) =>
    fixture.query(
      `UPDATE token_buckets SET refilled_at = refilled_at - $2 * interval '1 second',
        full_at = full_at - $2 * interval '1 second' WHERE bucket = $1`,
      [bucket, seconds],
    );
  /** So slow that nothing returns during a test. */
  const slow = { perSecond: 1e-6 };

  it('grants what it holds, and no more', async () => {
    const bucket = randomUUID();
    const lease = (wanted: number) => fixture.client.leaseTokens({ bucket, wanted, capacity: 10, ...slow });
    assert.deepEqual(await lease(4), { granted: 4, retryAfterMs: 0 });
    assert.deepEqual(await lease(4), { granted: 4, retryAfterMs: 0 });
    assert.deepEqual(await lease(4), { granted: 2, retryAfterMs: 0 });
    const { granted, retryAfterMs } = await lease(4);
    assert.equal(granted, 0);
    assert.ok(retryAfterMs > 999_000_000 && retryAfterMs <= 1_000_000_000, String(retryAfterMs));
    const other = { bucket: randomUUID(), wanted: 20, capacity: 10, ...slow };
    assert.deepEqual(await fixture.client.leaseTokens(other), { granted: 10, retryAfterMs: 0 });
  });

  it('gains tokens with time, up to its capacity', async () => {
    const bucket = randomUUID();
    const lease = (wanted: number) => fixture.client.leaseTokens({ bucket, wanted, capacity: 10, perSecond: 0.01 });
    await lease(10);
    await pass(bucket, 250);
    assert.equal((await lease(10)).granted, 2);
    // Half a token was left.
    await pass(bucket, 51);
    assert.equal((await lease(10)).granted, 1);
    await pass(bucket, 1_000_000);
    assert.equal((await lease(1_000)).granted, 10);
  });

  it('gains nothing while the clock of the database is set back', async () => {
    const bucket = randomUUID();
    const lease = () => fixture.client.leaseTokens({ bucket, wanted: 1, capacity: 1, perSecond: 1 });
    await lease();
    await pass(bucket, -3_600);
    assert.equal((await lease()).granted, 0);
  });

  it('accepts every rate and capacity of the contract', async () => {
    for (const [capacity, perSecond] of [
      [1, Number.MIN_VALUE],
      [4_294_967_295, Number.MIN_VALUE],
      [4_294_967_295, 1_000_000],
      [1, 1_000_000],
    ] as const) {
      const lease = { bucket: randomUUID(), wanted: 1_000, capacity, perSecond };
      assert.equal((await fixture.client.leaseTokens(lease)).granted, Math.min(1_000, capacity));
      await fixture.client.leaseTokens(lease);
    }
  });

  it('is forgotten once it is full, which changes nothing', async () => {
    const [full, part] = [randomUUID(), randomUUID()];
    const lease = (bucket: string) => fixture.client.leaseTokens({ bucket, wanted: 5, capacity: 10, perSecond: 0.01 });
    await lease(full);
    await lease(part);
    await pass(full, 501);
    await pass(part, 499);
    await forgetFullBuckets(fixture.database);
    const left = await fixture.query('SELECT bucket FROM token_buckets WHERE bucket = ANY ($1)', [[full, part]]);
    assert.deepEqual(left, [{ bucket: part }]);
    assert.equal((await lease(full)).granted, 5);
  });

  it('never grants more than its capacity and what it gained, to all replicas together', async () => {
    const replicas = [fixture, await fixture.start()];
    const databaseNow = async () => {
      const [row] = await fixture.query('SELECT extract(epoch FROM clock_timestamp())::float8 AS now');
      return Number(row?.now);
    };
    const plan = fc.record({
      capacity: fc.integer({ min: 1, max: 50 }),
      perSecond: fc.double({ min: 0.1, max: 500, noNaN: true }),
      wanted: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 30 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ capacity, perSecond, wanted }) => {
        const bucket = randomUUID();
        const began = await databaseNow();
        const leases = await Promise.all(
          wanted.map((count, index) =>
            replicas[index % 2]?.client.leaseTokens(
              { bucket, wanted: count, capacity, perSecond },
              { timeoutMs: 30_000 },
            ),
          ),
        );
        const seconds = (await databaseNow()) - began;
        const granted = leases.reduce((sum, lease) => sum + (lease?.granted ?? 0), 0);
        assert.ok(granted <= capacity + perSecond * seconds, `${granted} of ${capacity} + ${perSecond} * ${seconds}`);
        // Nor does it keep back what it holds.
        assert.ok(
          granted >=
            Math.min(
              capacity,
              wanted.reduce((sum, count) => sum + count),
            ),
        );
      }),
      { numRuns: 30 },
    );
  });
});
