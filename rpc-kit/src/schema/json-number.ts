/**
 * The value of a JSON number without its sign: 0.<digits> × 10^exponent. Numbers are equal when both parts are.
 */
interface Decimal {
  /** Without zeros at either end; empty for zero. */
  readonly digits: string;
  readonly exponent: number;
}

/**
 * The longest integer type has 20 digits; ids may have more. Conversion to a bigint takes more than linear time, so longer numbers
 * are never converted.
 */
export const WHOLE_DIGITS_MAX = 100;
/** The most digits that the shortest spelling of a double has (https://tc39.es/ecma262/#sec-numeric-types-number-tostring). */
const DOUBLE_DIGITS_MAX = 17;

/**
 * The value of a number without a sign: a JavaScript number where that is exact, a bigint for a whole number beyond 2^53;
 * `undefined` where neither is exact, or where the number is too long. The cost is linear in the length.
 */
export function exactNumber(text: string): number | bigint | undefined {
  if (text.length <= WHOLE_DIGITS_MAX && PLAIN_DIGITS.test(text)) return toNarrowest(BigInt(text));
  const { digits, exponent } = toDecimal(text);
  if (digits === '') return 0;
  const isWhole = digits.length <= exponent;
  if (isWhole && exponent <= WHOLE_DIGITS_MAX) return toNarrowest(BigInt(digits.padEnd(exponent, '0')));
  return toDouble({ digits, exponent });
}

/** The double that JSON writes with these digits. */
function toDouble({ digits, exponent }: Decimal): number | undefined {
  if (digits.length > DOUBLE_DIGITS_MAX) return undefined;
  const number = Number(`0.${digits}e${exponent}`);
  const again = toDecimal(String(number));
  return again.digits === digits && again.exponent === exponent ? number : undefined;
}

/** A whole number beyond 2^53 as a double; `undefined` where JSON would write that double with other digits. */
export function wholeToDouble(whole: bigint): number | undefined {
  const isNegative = whole < 0n;
  const double = toDouble(toDecimal(String(isNegative ? -whole : whole)));
  return isNegative && double !== undefined ? -double : double;
}

const PLAIN_DIGITS = /^\d+$/;

function toNarrowest(whole: bigint): number | bigint {
  return whole <= Number.MAX_SAFE_INTEGER ? Number(whole) : whole;
}

/** Uses loops, because `/0+$/` takes quadratic time on zeros before another digit. */
function toDecimal(text: string): Decimal {
  const marked = Math.max(text.indexOf('e'), text.indexOf('E'));
  const mantissaEnd = marked < 0 ? text.length : marked;
  const found = text.indexOf('.');
  const point = found < 0 ? mantissaEnd : found;
  let start = 0;
  while (start < mantissaEnd && isZeroOrPoint(text, start)) start += 1;
  let end = mantissaEnd;
  while (end > start && isZeroOrPoint(text, end - 1)) end -= 1;
  const power = marked < 0 ? 0 : Number(text.slice(marked + 1));
  return {
    digits: text.slice(start, end).replace('.', ''),
    exponent: power + point - start + (start > point ? 1 : 0),
  };
}

function isZeroOrPoint(text: string, index: number): boolean {
  const character = text.charCodeAt(index);
  return character === 0x30 || character === 0x2e;
}
