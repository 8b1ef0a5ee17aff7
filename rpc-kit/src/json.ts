import { isInteger, isSafeNumber } from 'lossless-json';

/**
 * JSON text to values and back without losing a digit.
 *
 * A number becomes a JavaScript number where that loses nothing, a bigint where it is a whole number beyond 2^53,
 * and a raw number (`JSON.rawJSON`) where neither holds, e.g. 0.1234567890123456789. Raw numbers fit no schema,
 * so they are refused as params, and an id that is one is still echoed exactly as it came.
 */
export type JsonNumber = number | bigint | RawNumber;

export interface RawNumber {
  readonly rawJSON: string;
}

// ES2026's source text access (https://tc39.es/proposal-json-parse-with-source/); TypeScript's library does not declare it yet.
const json = JSON as typeof JSON & {
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
};

/**
 * Only text with a run of 16 digits, a point or an exponent can hold a number that a double would spoil.
 * Most texts hold none, and the parse with a reviver costs several times the plain one.
 */
const MAY_LOSE_DIGITS = /\d{16}|\d[.eE]/;

/** @throws {SyntaxError} when the text is not JSON. */
export function parseJson(text: string): unknown {
  if (!MAY_LOSE_DIGITS.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && context?.source !== undefined ? exactNumber(value, context.source) : value,
  );
}

function exactNumber(value: number, source: string): JsonNumber {
  if (Number.isSafeInteger(value) || !Number.isInteger(value)) {
    return isSafeNumber(source) ? value : json.rawJSON(source);
  }
  return isInteger(source) ? BigInt(source) : json.rawJSON(source);
}

/** Values to JSON text. Bigints must have been made wire integers before (`toWireInteger`). */
export function stringifyJson(value: unknown): string {
  return JSON.stringify(value);
}

/** A bigint as it travels: a plain number where that is exact, else the digits themselves. */
export function toWireInteger(value: bigint): number | RawNumber {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : json.rawJSON(value.toString());
}

/** Any JSON number as a bigint, `undefined` when it is not a whole number or not exactly known. */
export function fromWireInteger(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return json.isRawJSON(value) && isInteger(value.rawJSON) ? BigInt(value.rawJSON) : undefined;
}

export function isRawNumber(value: unknown): value is RawNumber {
  return json.isRawJSON(value);
}

export function rawNumber(text: string): RawNumber {
  return json.rawJSON(text);
}
