/** Numbers from 0 to below 1 that are the same for the same seed (a linear congruence, Numerical Recipes). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Whether so many of the trials may succeed by chance: within six standard deviations of a binomial distribution, which one count of
 * five hundred million exceeds.
 */
export function isLikely(count: number, trials: number, probability: number): boolean {
  const mean = trials * probability;
  const deviation = Math.sqrt(mean * (1 - probability));
  // The distribution of a rare success is not quite normal.
  return Math.abs(count - mean) <= 6 * deviation + 5;
}
