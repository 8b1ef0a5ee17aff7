import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { createRetryBudget } from './retry-budget.ts';

describe('the retry budget', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => clock.restore());

  function times<T>(count: number, work: () => T): T[] {
    return Array.from({ length: count }, work);
  }

  /** How many retries are granted of so many asked for. */
  function granted(budget: { tryWithdraw(): boolean }, asked: number): number {
    return times(asked, () => budget.tryWithdraw()).filter(Boolean).length;
  }

  it('lets a tenth of the calls be tried again', () => {
    const budget = createRetryBudget({ perSecondMin: 0 });
    times(9, budget.deposit);
    assert.equal(budget.tryWithdraw(), false);
    budget.deposit();
    assert.equal(budget.tryWithdraw(), true);
    assert.equal(budget.tryWithdraw(), false);
    times(1_000, budget.deposit);
    assert.equal(granted(budget, 1_000), 100);
  });

  it('has one retry a second without any calls, from the first moment', () => {
    const budget = createRetryBudget();
    assert.equal(granted(budget, 5), 1);
    clock.tick(999);
    assert.equal(granted(budget, 5), 0);
    clock.tick(1);
    assert.equal(granted(budget, 5), 1);
    clock.tick(3_000);
    assert.equal(granted(budget, 5), 3);
  });

  it('saves the reserve of a window and no more', () => {
    const budget = createRetryBudget();
    clock.tick(3_600_000);
    assert.equal(granted(budget, 1_000), 10);
  });

  it('forgets what was paid in before the window', () => {
    const budget = createRetryBudget({ perSecondMin: 0 });
    times(100, budget.deposit);
    clock.tick(9_999);
    assert.equal(budget.balance, 10);
    clock.tick(1);
    assert.equal(budget.balance, 0);
    assert.equal(budget.tryWithdraw(), false);
  });

  it('forgets withdrawals too, and may be in debt until then', () => {
    const budget = createRetryBudget({ perSecondMin: 0 });
    times(100, budget.deposit);
    clock.tick(5_000);
    assert.equal(granted(budget, 100), 10);
    clock.tick(5_000);
    assert.equal(budget.balance, -10);
    clock.tick(5_000);
    assert.equal(budget.balance, 0);
  });

  it('adds up tenths exactly', () => {
    for (const ratio of [0.1, 0.2, 0.3, 0.57, 0.7, 0.9]) {
      const budget = createRetryBudget({ ratio, perSecondMin: 0 });
      times(100, budget.deposit);
      assert.equal(budget.balance, Math.round(ratio * 100));
    }
  });

  it('may have no share of the calls, or no reserve', () => {
    const reserveOnly = createRetryBudget({ ratio: 0 });
    times(1_000, reserveOnly.deposit);
    assert.equal(granted(reserveOnly, 10), 1);
    const neither = createRetryBudget({ ratio: 0, perSecondMin: 0 });
    times(1_000, neither.deposit);
    clock.tick(60_000);
    assert.equal(granted(neither, 10), 0);
  });

  it('refuses options that make no budget', () => {
    for (const [options, message] of [
      [{ ratio: -0.1 }, /ratio/],
      [{ ratio: 1.1 }, /ratio/],
      [{ ratio: Number.NaN }, /ratio/],
      [{ perSecondMin: -1 }, /perSecondMin/],
      [{ perSecondMin: Number.POSITIVE_INFINITY }, /perSecondMin/],
      [{ windowMs: 999 }, /windowMs/],
      [{ windowMs: 60_001 }, /windowMs/],
    ] as const) {
      assert.throws(() => createRetryBudget(options), { name: 'RangeError', message });
    }
  });

  describe('in any run', () => {
    const runs = fc.record({
      ratio: fc.constantFrom(0, 0.05, 0.1, 0.25, 1),
      perSecondMin: fc.constantFrom(0, 0.5, 1, 7),
      windowMs: fc.constantFrom(1_000, 10_000, 60_000),
      steps: fc.array(fc.record({ waitMs: fc.nat(4_000), calls: fc.nat(80), retries: fc.nat(40) }), { maxLength: 80 }),
    });
    /** The part of a retry that rounding to whole units can make of a call. */
    const rounding = 1e-6;

    it('retries ≤ ratio × calls + reserve × (seconds + a tenth of the window)', () => {
      fc.assert(
        fc.property(runs, ({ steps, ...options }) => {
          const startedAt = clock.now;
          const budget = createRetryBudget(options);
          let calls = 0;
          let retries = 0;
          for (const step of steps) {
            clock.tick(step.waitMs);
            times(step.calls, budget.deposit);
            calls += step.calls;
            retries += granted(budget, step.retries);
            const seconds = (clock.now - startedAt + options.windowMs / 10) / 1_000;
            assert.ok(retries <= (options.ratio + rounding) * calls + options.perSecondMin * seconds + rounding);
          }
        }),
      );
    });

    it('the window behind a retry has paid for it and for all others in it', () => {
      fc.assert(
        fc.property(runs, ({ steps, ...options }) => {
          const startedAt = clock.now;
          const budget = createRetryBudget(options);
          const slices = new Map<number, { calls: number; retries: number }>();
          for (const step of steps) {
            clock.tick(step.waitMs);
            times(step.calls, budget.deposit);
            const index = Math.floor((clock.now - startedAt) / (options.windowMs / 10));
            const slice = slices.get(index) ?? { calls: 0, retries: 0 };
            slices.set(index, slice);
            slice.calls += step.calls;
            const fresh = granted(budget, step.retries);
            if (fresh === 0) continue;
            slice.retries += fresh;
            const window = [...slices].filter(([at]) => at > index - 10).map(([, counts]) => counts);
            const calls = window.reduce((sum, counts) => sum + counts.calls, 0);
            const retries = window.reduce((sum, counts) => sum + counts.retries, 0);
            const reserve = (options.perSecondMin * options.windowMs) / 1_000;
            assert.ok(retries <= (options.ratio + rounding) * calls + reserve + rounding);
          }
        }),
      );
    });

    it('a retry that the calls of the window have paid for is granted', () => {
      fc.assert(
        fc.property(fc.nat(500), fc.nat(9_000), (calls, waitMs) => {
          const budget = createRetryBudget({ perSecondMin: 0 });
          times(calls, budget.deposit);
          clock.tick(waitMs);
          assert.equal(granted(budget, 1_000), Math.floor(calls / 10));
        }),
      );
    });
  });
});
