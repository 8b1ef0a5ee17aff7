/** A figure over the rounds. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** A quarter of the rounds is below the first, and a quarter above the second. */
  readonly quartiles: readonly [number, number];
}

export function figureOf(values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return {
    median: (low + high) / 2,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    quartiles: [percentile(sorted, 0.25), percentile(sorted, 0.75)],
  };
}

export function withSpread({ median, min, max }: Figure): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
}

/** Of many short rounds: single ones of a busy machine say nothing. */
export function withQuartiles({ median, quartiles: [low, high] }: Figure): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

/** By nearest rank; NaN of no values. */
export function percentile(ascending: ArrayLike<number>, share: number): number {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN;
}
