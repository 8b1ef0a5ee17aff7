import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { RpcError } from '../rpc-error.ts';
import { createSharedLimit, type SharedLimit, type SharedLimitOptions } from './shared-limit.ts';
import { createMemoryTokenStore, type TokenLease, type TokenStore } from './token-store.ts';

const DOWN = new RpcError('unavailable', 'the store is down');

describe('A limit that replicas share', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    clock.restore();
  });

  /** A store in memory that answers after a while, and fails while it is told to. */
  function createStore(latencyMs = () => 0) {
    const tokens = createMemoryTokenStore();
    const state = { asked: [] as TokenLease[], fails: false, hangs: false };
    const store: TokenStore = {
      async lease(lease) {
        state.asked.push(lease);
        if (state.hangs) return new Promise(() => {});
        if (state.fails) throw DOWN;
        const ms = latencyMs();
        const leased = await tokens.lease(lease);
        if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
        return leased;
      },
    };
    return { store, state };
  }

  const limit = { name: 'orders', tokens: 10, intervalMs: 1_000, waitersMax: 5 };

  function create(store: TokenStore, options: Partial<SharedLimitOptions> = {}): SharedLimit {
    return createSharedLimit({ store, ...limit, ...options });
  }

  /** How the takes end within the time: granted, refused by a code, or waiting still. */
  async function outcomesOf(takes: readonly Promise<unknown>[], withinMs = 0): Promise<string[]> {
    const outcomes = takes.map(() => 'waits');
    takes.forEach((take, index) => {
      take.then(
        (token) => {
          outcomes[index] = token ? 'granted' : 'none';
        },
        (error: RpcError) => {
          outcomes[index] = error.code;
        },
      );
    });
    await clock.tickAsync(withinMs);
    return outcomes;
  }

  const takeOften = (shared: SharedLimit, times: number) => Array.from({ length: times }, () => shared.take());

  it('asks the store for a block, and grants that many tokens without asking again', async () => {
    const { store, state } = createStore();
    const shared = create(store, { block: 5 });
    for (let each = 0; each < 5; each++) await shared.take();
    assert.deepEqual(state.asked, [{ bucket: 'orders', wanted: 5, capacity: 10, perSecond: 10 }]);
    await shared.take();
    assert.equal(state.asked.length, 2);
  });

  it('leases a tenth of the limit by default, and no more than the burst', async () => {
    const { store, state } = createStore();
    await create(store, { tokens: 500 }).take();
    await create(store, { tokens: 500, burst: 3, name: 'other' }).take();
    await create(store, { tokens: 1, name: 'third' }).take();
    assert.deepEqual(
      state.asked.map(({ wanted, capacity }) => [wanted, capacity]),
      [
        [50, 500],
        [3, 3],
        [1, 1],
      ],
    );
  });

  it('asks once for all callers that come while the store answers', async () => {
    const { store, state } = createStore(() => 5);
    const shared = create(store, { block: 10 });
    const takes = takeOften(shared, 10);
    await clock.tickAsync(5);
    await Promise.all(takes);
    assert.equal(state.asked.length, 1);
  });

  it('makes callers wait for a token first come, first served, up to waitersMax, and refuses further ones with a pause', async () => {
    const { store } = createStore();
    const shared = create(store, { waitersMax: 2 });
    const outcomes = await outcomesOf(takeOften(shared, 14), 10);
    assert.deepEqual(outcomes, [
      ...Array(10).fill('granted'),
      'waits',
      'waits',
      'resource_exhausted',
      'resource_exhausted',
    ]);
    await assert.rejects(shared.take(), ({ code, retryAfterMs = 0 }: RpcError) => {
      return code === 'resource_exhausted' && retryAfterMs > 0 && retryAfterMs <= 100;
    });
    assert.equal(shared.waiting, 2);
    await clock.tickAsync(300);
    assert.equal(shared.waiting, 0);
    assert.equal(clock.countTimers(), 0);
  });

  it('never waits for a token with tryTake', async () => {
    const { store, state } = createStore(() => 5);
    const shared = create(store, { burst: 1 });
    const first = shared.tryTake();
    const second = shared.tryTake();
    await clock.tickAsync(10);
    assert.deepEqual([(await first) !== undefined, await second], [true, undefined]);
    const asked = state.asked.length;
    assert.equal(await shared.tryTake(), undefined);
    assert.equal(state.asked.length, asked);
    assert.ok(shared.backInMs > 0);
    await clock.tickAsync(100);
    assert.equal(shared.backInMs, 0);
  });

  it('ends the wait of a caller that leaves', async () => {
    const { store } = createStore();
    const shared = create(store, { burst: 1 });
    await shared.take();
    const caller = new AbortController();
    const left = assert.rejects(shared.take(caller.signal), { code: 'cancelled' });
    await clock.tickAsync(1);
    caller.abort();
    await left;
    assert.equal(shared.waiting, 0);
    await assert.rejects(shared.take(AbortSignal.abort()), { code: 'cancelled' });
  });

  it('lets tokens that were not used within an interval expire', async () => {
    const { store, state } = createStore();
    const shared = create(store, { block: 5 });
    await shared.take();
    assert.equal(shared.available, 4);
    await clock.tickAsync(1_000);
    assert.equal(shared.available, 0);
    await shared.take();
    assert.equal(state.asked.length, 2);
  });

  it('asks for no single token more often than every 20 ms, however fast the limit is', async () => {
    const { store, state } = createStore();
    const shared = create(store, { tokens: 100_000, burst: 1, waitersMax: 1_000 });
    const takes = takeOften(shared, 1_000);
    void Promise.allSettled(takes);
    await clock.tickAsync(1_000);
    assert.ok(state.asked.length <= 2 * (1_000 / 20) + 2, String(state.asked.length));
  });

  it('asks a slow limit again after an interval at the latest', async () => {
    const store: TokenStore = { lease: async () => ({ granted: 0, retryAfterMs: Number.MAX_SAFE_INTEGER }) };
    const shared = create(store);
    shared.take().catch(() => {});
    await clock.tickAsync(1);
    assert.ok(shared.backInMs <= 1_000);
  });

  it('keeps to its block, and asks every 20 ms at most, whatever a store answers', async () => {
    for (const wrong of [Number.NaN, -1, 0.5, 1_000]) {
      let asked = 0;
      const store: TokenStore = {
        async lease() {
          asked += 1;
          return { granted: wrong, retryAfterMs: Number.NaN };
        },
      };
      const shared = create(store, { block: 2, waitersMax: 100 });
      const outcomes = await outcomesOf(takeOften(shared, 3), 100);
      assert.equal(outcomes.filter((outcome) => outcome === 'granted').length, wrong === 1_000 ? 3 : 0);
      assert.ok(asked <= 6, `${asked} times for ${wrong}`);
    }
  });

  describe('without its store', () => {
    for (const broken of ['fails', 'hangs'] as const) {
      it(`is granted by each replica alone when the store ${broken}, and by the store again when it answers`, async () => {
        const { store, state } = createStore();
        const failures: string[] = [];
        const shared = create(store, {
          block: 10,
          on: { storeFailed: ({ name, error }) => failures.push(`${name}: ${error.code}`) },
        });
        state[broken] = true;
        const outcomes = await outcomesOf(takeOften(shared, 20), 300);
        assert.equal(outcomes.filter((outcome) => outcome === 'granted').length >= 10, true);
        assert.equal(outcomes.filter((outcome) => outcome === 'granted').length <= 13, true);
        assert.deepEqual(failures, [broken === 'fails' ? 'orders: unavailable' : 'orders: deadline_exceeded']);
        // It is not asked again at once.
        assert.equal(state.asked.length, 1);
        state[broken] = false;
        await clock.tickAsync(2_000);
        await shared.take();
        assert.equal(state.asked.length, 2);
      });
    }

    it('refuses all callers at once where it is told to, as unavailable with a pause', async () => {
      const { store, state } = createStore();
      const shared = create(store, { whenStoreFails: 'refuse' });
      state.fails = true;
      const isRefusal = ({ code, retryAfterMs }: RpcError) => code === 'unavailable' && (retryAfterMs ?? 0) > 0;
      for (let each = 0; each < 3; each++) await assert.rejects(shared.take(), isRefusal);
      await assert.rejects(shared.tryTake(), isRefusal);
      assert.equal(state.asked.length, 1);
      state.fails = false;
      await clock.tickAsync(1_000);
      await shared.take();
    });

    it('is not hurt by a listener that throws', async () => {
      sinon.stub(process, 'emitWarning');
      const broken = () => assert.fail('a listener');
      const { store, state } = createStore();
      const shared = create(store, { on: { leased: broken, storeFailed: broken } });
      await shared.take();
      state.fails = true;
      await shared.take();
      sinon.restore();
    });
  });

  it('refuses options outside their range', () => {
    const { store } = createStore();
    for (const wrong of [{ tokens: 0 }, { intervalMs: 0 }, { burst: 0 }, { block: 0 }, { waitersMax: -1 }]) {
      assert.throws(() => create(store, wrong), RangeError);
    }
  });

  it('starts never more uses in a window than the limit, the burst, and a block for each replica', async () => {
    const plan = fc.record({
      seed: fc.integer(),
      replicas: fc.constantFrom(2, 3),
      tokens: fc.integer({ min: 1, max: 60 }),
      burst: fc.integer({ min: 1, max: 60 }),
      block: fc.integer({ min: 1, max: 20 }),
      latencyMs: fc.nat(30),
      pauseMs: fc.nat(40),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ seed, replicas, tokens, burst, block, latencyMs, pauseMs }) => {
        let state = seed >>> 0;
        const random = () => {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
          return state / 2 ** 32;
        };
        const { store } = createStore(() => Math.floor(random() * latencyMs));
        const shared = Array.from({ length: replicas }, () =>
          create(store, { tokens, burst, block, waitersMax: 20, storeTimeoutMs: 1_000 }),
        );
        const starts: number[] = [];
        for (let call = 0; call < 300; call++) {
          const replica = shared[Math.floor(random() * replicas)] as SharedLimit;
          void replica.take().then(
            () => starts.push(performance.now()),
            () => {},
          );
          if (random() < 0.5) await clock.tickAsync(Math.floor(random() * pauseMs));
        }
        await clock.tickAsync(30_000);
        assert.ok(starts.length > 0);
        for (let first = 0; first < starts.length; first++) {
          for (let last = first; last < starts.length; last++) {
            const ms = (starts[last] as number) - (starts[first] as number);
            const most = (tokens * ms) / 1_000 + burst + replicas * block;
            assert.ok(last - first + 1 <= most + 1e-6, `${last - first + 1} in ${ms} ms, at most ${most}`);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
