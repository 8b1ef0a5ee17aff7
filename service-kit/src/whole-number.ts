/** The whole numbers that are taken, both ends included. */
export interface WholeRange {
  readonly min: number;
  readonly max: number;
}

/** Number() also reads blanks as 0, " 5 ", "1e3", "0x10" and "5.0", which are more likely mistakes than numbers. */
const DIGITS = /^\d{1,16}$/;

/** @returns `undefined` for anything but decimal digits, and for a number outside the range */
export function parseWhole(text: string, { min, max }: WholeRange): number | undefined {
  const number = DIGITS.test(text) ? Number(text) : Number.NaN;
  return number >= min && number <= max ? number : undefined;
}

export function describeWhole({ min, max }: WholeRange): string {
  return `a whole number from ${min} to ${max}`;
}
