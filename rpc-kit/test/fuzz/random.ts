/** Reproducible randomness: the same seed gives the same run. */
export interface Random {
  /** A whole number from 0 to below the bound. */
  below(bound: number): number;
  /** True as often as the share says, from 0 to 1. */
  chance(share: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** Mulberry32 (https://github.com/cprosche/mulberry32): 32 bits of state are enough to be varied, and it is four lines. */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return { below, chance: (share) => next() < share, pick: <T>(list: readonly T[]) => list[below(list.length)] as T };
}
