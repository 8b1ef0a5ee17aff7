import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Chance that comes out the same for the same seed, so that a storm can be planned again. */
export interface Dice {
  /** A whole number from `least` to `greatest`, both included. */
  between(least: number, greatest: number): number;
  chance(percent: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** Every user has dice of its own: how many one draws never changes what another one draws. */
export function createDice(seed: number, count: number): Dice[] {
  const random = xoroshiro128plus(seed);
  return Array.from({ length: count }, () => {
    // 2^64 numbers lie between one user's and the next one's.
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
      if (picked === undefined) throw new RangeError('There is nothing to pick from.');
      return picked;
    },
  };
}
