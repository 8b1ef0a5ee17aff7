import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createSlowStart } from './slow-start.ts';

describe('the slow start', () => {
  it('starts with a part of the weight, grows evenly and ends after its window', () => {
    const start = createSlowStart({ windowMs: 1_000 });
    const endpoint = { startedAt: Number.NEGATIVE_INFINITY };
    assert.equal(start.isActive(5_000), false);
    assert.equal(start.partOf(endpoint, 5_000), 1);
    start.begin(endpoint, 5_000);
    assert.equal(start.isActive(5_999), true);
    assert.equal(start.isActive(6_000), false);
    const parts = [5_000, 5_100, 5_500, 5_900, 6_000, 9_000].map((now) => start.partOf(endpoint, now));
    assert.deepEqual(parts, [0.1, 0.1, 0.5, 0.9, 1, 1]);
  });

  it("grows by Envoy's formula: fast at first with more aggression, fast at last with less", () => {
    const endpoint = { startedAt: 0 };
    const partAt = (aggression: number) => createSlowStart({ windowMs: 1_000, aggression }).partOf(endpoint, 250);
    assert.equal(partAt(2), 0.5);
    assert.equal(partAt(1), 0.25);
    assert.equal(partAt(0.5), 0.1);
    assert.equal(
      createSlowStart({ windowMs: 1_000, aggression: 0.5, startWeight: 0.01 }).partOf(endpoint, 250),
      0.0625,
    );
  });

  it('never shrinks, and stays between the first part and the whole', () => {
    const settings = fc.record({
      windowMs: fc.integer({ min: 1, max: 100_000 }),
      aggression: fc.double({ min: 0.01, max: 100, noNaN: true }),
      startWeight: fc.double({ min: 0.001, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(settings, fc.array(fc.nat(120_000), { maxLength: 20 }), (options, ages) => {
        const start = createSlowStart(options);
        let before = options.startWeight;
        for (const age of ages.toSorted((a, b) => a - b)) {
          const part = start.partOf({ startedAt: 0 }, age);
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
