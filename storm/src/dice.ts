import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Random choices that are the same for the same seed, so that a storm can be repeated. */
export interface Dice {
  /** A whole number from `least` to `greatest`, both included. */
  between(least: number, greatest: number): number;
  chance(percent: number): boolean;
  pick<const T>(list: readonly T[]): T;
}

/** Each user has its own dice: how often one is thrown does not change the others. */
export function createDice(seed: number, count: number): Dice[] {
  const random = xoroshiro128plus(seed);
  return Array.from({ length: count }, () => {
    // A jump skips 2^64 numbers, so the sequences of users never overlap.
    random.jump();
    return toDice(random.clone());
  });
}

function toDice(random: ReturnType<typeof xoroshiro128plus>): Dice {
  const between = (least: number, greatest: number) => uniformInt(random, least, greatest);
  return {
    between,
    chance: (percent) => between(1, 100) <= percent,
    pick(list) {
      const picked = list[between(0, list.length - 1)];
      if (picked === undefined) throw new RangeError('The list to pick from is empty.');
      return picked;
    },
  };
}
