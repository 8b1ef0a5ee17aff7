/** A range of numbers, both ends included. */
interface Range {
  readonly min: number;
  readonly max: number;
}

export const SHARE = { min: 0, max: 1 } satisfies Range;

/** Infinity too, which turns a policy off. */
export function atLeast(min: number): Range {
  return { min, max: Number.POSITIVE_INFINITY };
}

/**
 * Checks numbers that need not be whole; `checkWhole` checks the others.
 * @throws {RangeError} for the first option outside the range, and for NaN
 */
export function checkRange(options: Readonly<Record<string, number>>, { min, max }: Range): void {
  for (const [name, value] of Object.entries(options)) {
    if (value >= min && value <= max) continue;
    const range = max === Number.POSITIVE_INFINITY ? `at least ${min}` : `from ${min} to ${max}`;
    throw new RangeError(`${name} is ${value}, but has to be ${range}`);
  }
}
