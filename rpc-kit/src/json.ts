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

/** What one look over a JSON text tells before anything is built from it. The text need not be valid. */
export interface JsonSurvey {
  /** How deep arrays and objects nest. */
  readonly depth: number;
  /** Whether there is a number that a double may not hold: of 16 digits, with a point or with an exponent. */
  readonly hasWideNumber: boolean;
}

/** Digits that a double holds whatever they are. */
const SAFE_DIGITS = 15;

export function surveyJson(text: string): JsonSurvey {
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  let hasWideNumber = false;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (character === QUOTE) {
      index = endOfString(text, index);
      digits = 0;
    } else if (character >= ZERO && character <= NINE) {
      digits += 1;
      if (digits > SAFE_DIGITS) hasWideNumber = true;
    } else {
      if (digits > 0 && (character === POINT || character === SMALL_E || character === LARGE_E)) hasWideNumber = true;
      digits = 0;
      if (character === OPEN_BRACKET || character === OPEN_BRACE) {
        depth += 1;
        if (depth > deepest) deepest = depth;
      } else if (character === CLOSE_BRACKET || character === CLOSE_BRACE) depth -= 1;
    }
  }
  return { depth: deepest, hasWideNumber };
}

/** The index of the quote that closes the string opened at the index; the text's end where none does. */
function endOfString(text: string, opened: number): number {
  for (let index = opened + 1; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (character === BACKSLASH) index += 1;
    else if (character === QUOTE) return index;
  }
  return text.length;
}

const QUOTE = 0x22;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const LARGE_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const SMALL_E = 0x65;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * The value of a JSON text. Most texts hold no number that a double would spoil, and the parse with a reviver costs several
 * times the plain one, so it is used only where one may be.
 * @throws {SyntaxError} when the text is not JSON
 */
export function parseJson(text: string, survey = surveyJson(text), isSpelled: Spelled = () => false): unknown {
  if (!survey.hasWideNumber) return JSON.parse(text);
  return JSON.parse(text, function (this: object, key, value: unknown, context?: { source?: string }) {
    if (typeof value !== 'number' || context?.source === undefined) return value;
    const isOtherwise = isSpelled(this, key) && String(value) !== context.source;
    return isOtherwise ? json.rawJSON(context.source) : exactNumber(value, context.source);
  });
}

/** Whether a member's number is to be kept as it is spelled, so that 1.0 is written as 1.0 again and not as 1. */
export type Spelled = (holder: object, key: string) => boolean;

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
