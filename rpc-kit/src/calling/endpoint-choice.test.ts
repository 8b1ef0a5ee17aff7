import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isLikely, randomOf } from '../../test/random.ts';
import { chooseOfTwoByWeight } from './endpoint-choice.ts';
import { createPeakEwma, type PeakEwma } from './peak-ewma.ts';

const DRAWS = 20_000;

interface Weighed {
  readonly weight: number;
  readonly load: PeakEwma;
}

describe('the choice by weight', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 8 });

  function countsOf(endpoints: readonly Weighed[], seed: number): number[] {
    const random = randomOf(seed);
    const counts = endpoints.map(() => 0);
    for (let draw = 0; draw < DRAWS; draw++) {
      const chosen = chooseOfTwoByWeight(endpoints, ({ weight }) => weight, random);
      const index = chosen ? endpoints.indexOf(chosen) : -1;
      counts[index] = (counts[index] ?? 0) + 1;
    }
    return counts;
  }

  const endpointOf = (weight: number, cost: (weight: number) => number): Weighed => ({
    weight,
    load: { ...createPeakEwma(1), cost },
  });
  const equallyLoaded = (weight: number): Weighed => endpointOf(weight, () => 1);

  it('gives each of equally loaded endpoints its share of the weights', () => {
    fc.assert(
      fc.property(fc.integer(), weights, (seed, list) => {
        const sum = list.reduce((total, weight) => total + weight);
        const counts = countsOf(list.map(equallyLoaded), seed);
        for (const [index, count] of counts.entries()) {
          assert.ok(isLikely(count, DRAWS, (list[index] ?? 0) / sum), `${counts} of ${list}`);
        }
      }),
      { numRuns: 10 },
    );
  });

  it('bounds each share: w² for an endpoint that is always the more loaded one, 2w - w² for the least loaded', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 8 }),
        (seed, list) => {
          const share = (list[0] ?? 0) / list.reduce((total, weight) => total + weight);
          const others = list.slice(1).map(equallyLoaded);
          const slowest = countsOf([endpointOf(list[0] ?? 0, () => 2), ...others], seed)[0] ?? 0;
          assert.ok(isLikely(slowest, DRAWS, share ** 2), `${slowest} of ${list}`);
          const fastest = countsOf([endpointOf(list[0] ?? 0, () => 0.5), ...others], seed)[0] ?? 0;
          assert.ok(isLikely(fastest, DRAWS, 2 * share - share ** 2), `${fastest} of ${list}`);
        },
      ),
      { numRuns: 10 },
    );
  });

  it('compares loads in relation to the mean weight', () => {
    const asked: number[] = [];
    const endpoints = [1, 2, 3].map((weight) => endpointOf(weight, (relative) => asked.push(relative)));
    countsOf(endpoints, 1);
    assert.deepEqual([...new Set(asked)].sort(), [0.5, 1, 1.5]);
  });

  it('of equal weights compares two different endpoints, so that the slowest gets nothing', () => {
    const slow = endpointOf(3, () => 2);
    const counts = countsOf([slow, equallyLoaded(3), equallyLoaded(3)], 1);
    assert.equal(counts[0], 0);
    assert.ok(isLikely(counts[1] ?? 0, DRAWS, 1 / 2), `${counts}`);
  });
});
