import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import sinon from 'sinon';
import { RpcError } from '../rpc-error.ts';
import { createTokenBucket } from './token-bucket.ts';

describe('a token bucket', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => {
    clock.restore();
  });

  it('returns no token before its interval has ended, even when the timer fires early', async () => {
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

  it('grants tokens at once, and to waiting callers in their order', async () => {
    const bucket = createTokenBucket({ tokens: 2, intervalMs: 1_000, waitersMax: 10 });
    const served: number[] = [];
    const users = [1, 2, 3, 4, 5].map(async (user) => {
      using _token = await bucket.take();
      served.push(user);
    });
    await clock.tickAsync(0);
    assert.deepEqual([served, bucket.waiting], [[1, 2], 3]);
    await clock.tickAsync(1_000);
    assert.deepEqual([served, bucket.waiting], [[1, 2, 3, 4], 1]);
    await clock.tickAsync(1_000);
    await Promise.all(users);
    assert.deepEqual([served, bucket.waiting], [[1, 2, 3, 4, 5], 0]);
  });

  it('returns a token an interval after its use', async () => {
    const bucket = createTokenBucket({ tokens: 1, intervalMs: 1_000, waitersMax: 1 });
    const token = await bucket.take();
    const second = bucket.take();
    await clock.tickAsync(10_000);
    assert.equal(bucket.waiting, 1);
    token[Symbol.dispose]();
    await clock.tickAsync(999);
    assert.equal(bucket.waiting, 1);
    await clock.tickAsync(1);
    await second;
  });

  it('counts a token once that is given back twice', async () => {
    const bucket = createTokenBucket({ tokens: 1, intervalMs: 1_000, waitersMax: 2 });
    const token = await bucket.take();
    token[Symbol.dispose]();
    token[Symbol.dispose]();
    await clock.tickAsync(1_000);
    await bucket.take();
    const waiting = bucket.take();
    waiting.catch(() => {});
    await clock.tickAsync(10_000);
    assert.equal(bucket.waiting, 1);
  });

  it('lets a waiting caller leave, and serves the next one instead', async () => {
    const bucket = createTokenBucket({ tokens: 1, intervalMs: 1_000, waitersMax: 2 });
    (await bucket.take())[Symbol.dispose]();
    const leaving = new AbortController();
    const staying = new AbortController();
    const left = bucket.take(leaving.signal);
    const stayed = bucket.take(staying.signal);
    const reason = new RpcError('deadline_exceeded', 'too late');
    leaving.abort(reason);
    await assert.rejects(left, reason);
    await clock.tickAsync(1_000);
    await stayed;
    assert.deepEqual(
      [leaving, staying].map(({ signal }) => getEventListeners(signal, 'abort').length),
      [0, 0],
    );
  });

  it('refuses a caller whose signal has already aborted, although it has tokens', async () => {
    const bucket = createTokenBucket({ tokens: 1, intervalMs: 1_000, waitersMax: 1 });
    await assert.rejects(bucket.take(AbortSignal.abort()), { code: 'cancelled' });
    await bucket.take();
  });

  it('refuses callers when waitersMax wait', async () => {
    const bucket = createTokenBucket({ tokens: 1, intervalMs: 1_000, waitersMax: 1 });
    await bucket.take();
    bucket.take().catch(() => {});
    await assert.rejects(bucket.take(), {
      code: 'resource_exhausted',
      message: 'Too many calls wait for their turn',
      retryAfterMs: 1_000,
    });
  });

  describe('whatever its users do', () => {
    const INTERVAL_MS = 100;
    interface User {
      readonly comesMs: number;
      readonly useMs: number;
      /** How long it waits before it leaves; undefined for ever. */
      readonly patienceMs: number | undefined;
    }
    const user: fc.Arbitrary<User> = fc.record({
      comesMs: fc.nat(500),
      useMs: fc.oneof(fc.constant(0), fc.nat(150)),
      patienceMs: fc.option(fc.nat(200), { nil: undefined }),
    });

    /** What became of the users, in the order in which they came. */
    async function play(users: readonly User[], options: { tokens: number; waitersMax: number }) {
      const bucket = createTokenBucket({ ...options, intervalMs: INTERVAL_MS });
      const outcomes: { granted?: number; ended?: number; refused?: string }[] = [];
      let waitingMost = 0;
      for (const { comesMs, useMs, patienceMs } of users) {
        setTimeout(async () => {
          const outcome: (typeof outcomes)[number] = {};
          outcomes.push(outcome);
          const leaving = new AbortController();
          if (patienceMs !== undefined) setTimeout(() => leaving.abort(), patienceMs);
          try {
            const taken = bucket.take(leaving.signal);
            waitingMost = Math.max(waitingMost, bucket.waiting);
            using _token = await taken;
            outcome.granted = performance.now();
            await new Promise((resolve) => setTimeout(resolve, useMs));
            outcome.ended = performance.now();
          } catch (error) {
            outcome.refused = (error as RpcError).code;
          }
        }, comesMs);
      }
      await clock.runAllAsync();
      return { outcomes, waitingMost, waitingAtLast: bucket.waiting };
    }

    it('no more of them than tokens are at work or within an interval of it, and they are served in the order of their coming', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(user, { maxLength: 25 }),
          fc.record({ tokens: fc.integer({ min: 1, max: 4 }), waitersMax: fc.nat(10) }),
          async (users, options) => {
            const { outcomes, waitingMost, waitingAtLast } = await play(users, options);
            const served = outcomes.filter(({ granted }) => granted !== undefined) as Required<
              (typeof outcomes)[number]
            >[];
            for (const { granted } of served) {
              const busy = served.filter((other) => other.granted <= granted && granted < other.ended + INTERVAL_MS);
              assert.ok(busy.length <= options.tokens, `${busy.length} at ${granted}`);
            }
            const grants = served.map(({ granted }) => granted);
            assert.deepEqual(
              grants,
              grants.toSorted((a, b) => a - b),
            );
            assert.ok(waitingMost <= options.waitersMax);
            assert.equal(waitingAtLast, 0);
            // Everybody is served, leaves of its own will, or finds the queue full.
            for (const { granted, refused } of outcomes) {
              assert.ok(granted !== undefined || refused === 'cancelled' || refused === 'resource_exhausted');
            }
          },
        ),
      );
    });
  });
});
