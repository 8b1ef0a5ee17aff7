import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createSlowStart, type SlowStartOptions } from './slow-start.ts';

describe('the slow start', () => {
  function startOf(options: SlowStartOptions) {
    const start = createSlowStart(options);
    const endpoint = { startedAt: Number.NEGATIVE_INFINITY };
    start.begin(endpoint, 0);
    return { start, partAt: (now: number) => start.partsAt(now)?.(endpoint) };
  }

  it('starts with a part of the weight, grows evenly and ends after its window', () => {
    const { start, partAt } = startOf({ windowMs: 1_000 });
    assert.deepEqual([0, 100, 500, 900, 999, 1_000, 5_000].map(partAt), [
      0.1,
      0.1,
      0.5,
      0.9,
      0.999,
      undefined,
      undefined,
    ]);
    const other = { startedAt: 0 };
    start.begin(other, 5_000);
    assert.deepEqual([partAt(5_500), start.partsAt(5_500)?.(other)], [1, 0.5]);
  });

  it('is over before any endpoint has begun', () => {
    assert.equal(createSlowStart({ windowMs: 1_000 }).partsAt(0), undefined);
  });

  it("grows by Envoy's formula: fast at first with more aggression, fast at last with less", () => {
    const partAt = (options: Partial<SlowStartOptions>) => startOf({ windowMs: 1_000, ...options }).partAt(250);
    assert.equal(partAt({ aggression: 2 }), 0.5);
    assert.equal(partAt({ aggression: 1 }), 0.25);
    assert.equal(partAt({ aggression: 0.5 }), 0.1);
    assert.equal(partAt({ aggression: 0.5, startWeight: 0.01 }), 0.0625);
  });

  it('never shrinks, and stays between the first part and the whole', () => {
    const settings = fc.record({
      windowMs: fc.integer({ min: 1, max: 100_000 }),
      aggression: fc.double({ min: 0.01, max: 100, noNaN: true }),
      startWeight: fc.double({ min: 0.001, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(settings, fc.array(fc.nat(120_000), { maxLength: 20 }), (options, ages) => {
        const { partAt } = startOf(options);
        let before = options.startWeight;
        for (const age of ages.toSorted((a, b) => a - b)) {
          const part = partAt(age) ?? 1;
          assert.ok(part >= before && part <= 1);
          before = part;
        }
      }),
    );
  });

  it('refuses options outside their ranges', () => {
    for (const options of [
      { windowMs: 0 },
      { windowMs: 86_400_001 },
      { windowMs: Number.NaN },
      { windowMs: 1, aggression: 0 },
      { windowMs: 1, aggression: 101 },
      { windowMs: 1, startWeight: 0 },
      { windowMs: 1, startWeight: 1.1 },
    ]) {
      assert.throws(() => createSlowStart(options), RangeError);
    }
  });
});
