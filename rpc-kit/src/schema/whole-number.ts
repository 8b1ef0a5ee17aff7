/** A range of whole numbers, both ends included. */
export interface WholeRange {
  readonly min: number;
  readonly max: number;
}

/** Number() also accepts " ", " 5 ", "1e3", "0x10" and "5.0", which are more likely mistakes than numbers. */
const DIGITS = /^\d{1,16}$/;

/** @returns `undefined` for any text but decimal digits, and for a number outside the range */
export function parseWhole(text: string, { min, max }: WholeRange): number | undefined {
  const number = DIGITS.test(text) ? Number(text) : Number.NaN;
  return number >= min && number <= max ? number : undefined;
}

export function describeWhole({ min, max }: WholeRange): string {
  return `a whole number from ${min} to ${max}`;
}

/** The range of sizes and of times in milliseconds: Node's timers accept no more, and 0 would mean no limit in some libraries. */
export const LIMIT = { min: 1, max: 2 ** 31 - 1 } satisfies WholeRange;

/**
 * Returns the options unchanged after checking them: every comparison with NaN is false, so a NaN limit would never apply.
 * @throws {RangeError} for the first option outside its range
 */
export function checkWhole<T extends object>(options: T, ranges: { readonly [K in keyof T]?: WholeRange }): T {
  for (const [name, range] of Object.entries(ranges) as [keyof T & string, WholeRange][]) {
    const value = options[name] as number;
    if (Number.isInteger(value) && value >= range.min && value <= range.max) continue;
    throw new RangeError(`${name} is ${value}, but has to be ${describeWhole(range)}`);
  }
  return options;
}
