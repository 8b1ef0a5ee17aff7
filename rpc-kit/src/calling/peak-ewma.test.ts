import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { createPeakEwma, type LoadOutcome, type PeakEwma } from './peak-ewma.ts';

describe('the peak EWMA', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => clock.restore());

  function take(load: PeakEwma, ms: number, outcome: LoadOutcome = 'answered'): void {
    const end = load.begin();
    clock.tick(ms);
    end(outcome);
  }

  it('costs nothing before the first call, and very much while that is in flight', () => {
    const load = createPeakEwma(10_000);
    assert.equal(load.cost(1), 0);
    const end = load.begin();
    assert.ok(load.cost(1) > 1e9);
    clock.tick(30);
    end('answered');
    assert.equal(load.cost(1), 30);
  });

  it('is the latency times the calls that would be in flight', () => {
    const load = createPeakEwma(10_000);
    take(load, 20);
    load.begin();
    load.begin();
    assert.equal(load.pending, 2);
    assert.equal(load.cost(1), 60);
  });

  it('jumps to a peak at once', () => {
    const load = createPeakEwma(10_000);
    take(load, 10);
    take(load, 500);
    assert.equal(load.cost(1), 500);
  });

  it('comes down slowly: after the decay time the old latency weighs 1/e', () => {
    const load = createPeakEwma(10_000);
    take(load, 1_000);
    clock.tick(9_990);
    take(load, 10);
    const expected = 1_000 / Math.E + 10 * (1 - 1 / Math.E);
    assert.ok(Math.abs(load.cost(1) - expected) < 1e-9, `${load.cost(1)}`);
  });

  it('comes down without calls too, so that a slow endpoint is tried again', () => {
    const load = createPeakEwma(10_000);
    take(load, 1_000);
    clock.tick(10_000);
    assert.ok(Math.abs(load.cost(1) - 1_000 / Math.E) < 1e-9);
  });

  it('counts a failure as at least twice as slow, however fast it came', () => {
    const load = createPeakEwma(1e9);
    take(load, 10);
    take(load, 0, 'failed');
    assert.ok(Math.abs(load.cost(1) - 20) < 0.001);
    take(load, 700, 'failed');
    assert.equal(load.cost(1), 700);
  });

  it('of an endpoint that refused many calls is soon as small as that of one that joins', () => {
    const load = createPeakEwma(10_000);
    take(load, 10);
    for (let call = 0; call < 2_000; call++) take(load, 1, 'failed');
    clock.tick(60_000);
    assert.ok(load.cost(1) < 10, `${load.cost(1)}`);
  });

  it('forgets a failure sooner than a slow answer when no calls come', () => {
    for (const [outcome, isForgotten] of [
      ['answered', false],
      ['failed', true],
      ['withdrawn', true],
    ] as const) {
      const load = createPeakEwma(10_000);
      take(load, 1_000, outcome);
      take(load, 10);
      clock.tick(10_000);
      assert.ok(load.cost(1) > 300, outcome);
      clock.tick(1);
      assert.equal(load.cost(1) === 0, isForgotten, outcome);
      const end = load.begin();
      assert.equal(load.cost(1) > 1e9, isForgotten, outcome);
      clock.tick(10);
      end('answered');
      assert.equal(load.cost(1) < 11, isForgotten, outcome);
    }
  });

  it('counts a slow failure as what it took', () => {
    const load = createPeakEwma(1e9);
    take(load, 3_000, 'failed');
    take(load, 0, 'failed');
    assert.ok(Math.abs(load.cost(1) - 3_000) < 0.001, `${load.cost(1)}`);
  });

  it('learns of a withdrawn call only that it took longer than known', () => {
    const load = createPeakEwma(1e9);
    take(load, 50);
    take(load, 1, 'withdrawn');
    assert.ok(Math.abs(load.cost(1) - 50) < 0.001);
    take(load, 80, 'withdrawn');
    assert.equal(load.cost(1), 80);
    assert.equal(load.pending, 0);
  });

  it('forgets on reset', () => {
    const load = createPeakEwma(10_000);
    take(load, 50);
    load.reset();
    assert.equal(load.cost(1), 0);
  });

  it('measures again after a reset, whatever becomes of calls from before', () => {
    const load = createPeakEwma(10_000);
    const [endFirst, endSecond] = [load.begin(), load.begin()];
    load.reset();
    assert.equal(load.cost(1), 0);
    const end = load.begin();
    assert.ok(load.cost(1) > 1e9);
    clock.tick(20);
    end('answered');
    clock.tick(5_000);
    endFirst('failed');
    endSecond('answered');
    assert.ok(load.cost(1) < 20, `${load.cost(1)}`);
    assert.equal(load.pending, 0);
  });

  it('lies between nothing and the longest latency there was, whatever happens', () => {
    const calls = fc.array(fc.record({ pauseMs: fc.nat(5_000), ms: fc.nat(2_000) }), { minLength: 1 });
    fc.assert(
      fc.property(calls, (steps) => {
        const load = createPeakEwma(10_000);
        let longest = 0;
        for (const { pauseMs, ms } of steps) {
          clock.tick(pauseMs);
          take(load, ms);
          longest = Math.max(longest, ms);
          assert.ok(load.cost(1) >= ms * (1 - 1e-9) && load.cost(1) <= longest * (1 + 1e-9), `${load.cost(1)}`);
        }
      }),
    );
  });
});
