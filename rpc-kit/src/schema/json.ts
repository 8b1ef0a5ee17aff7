import { randomUuid } from '../telemetry/request-id.ts';
import { exactNumber, WHOLE_DIGITS_MAX } from './json-number.ts';
import { type JsonSurvey, surveyJson } from './json-survey.ts';

/**
 * JSON text to values and back without losing a digit.
 *
 * A number becomes a JavaScript number where that is exact, a bigint for a whole number beyond 2^53, and otherwise a raw number
 * (`JSON.rawJSON`), e.g. 0.1234567890123456789 or a number far longer than any integer type. Raw numbers fit no schema, so params
 * refuse them; a raw id is echoed unchanged.
 */
export type JsonNumber = number | bigint | RawNumber;

/** A JSON number whose digits are kept as they are, because no JavaScript number equals it. */
export interface RawNumber {
  readonly rawJSON: string;
}

interface RawJson {
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
}

// ES2026's source text access (https://tc39.es/proposal-json-parse-with-source/); TypeScript's library does not declare it yet.
const { rawJSON, isRawJSON } = JSON as Partial<RawJson>;

/**
 * Browsers before Chrome 114, Firefox 135 and Safari 18.4 have no raw JSON. There a raw number is written as a text with a random mark,
 * which no other text can hold, and the mark and the quotes are removed from what is written.
 */
function createMarkedJson(): RawJson & { stringify(value: unknown): string } {
  const mark = randomUuid();
  const marked = new RegExp(`"${mark}([^"]*)"`, 'g');
  class MarkedNumber {
    readonly rawJSON: string;
    constructor(text: string) {
      this.rawJSON = text;
    }
    toJSON(): string {
      return mark + this.rawJSON;
    }
  }
  return {
    rawJSON: (text) => new MarkedNumber(text),
    isRawJSON: (value) => value instanceof MarkedNumber,
    stringify: (value) => JSON.stringify(value)?.replace(marked, '$1'),
  };
}

const json = rawJSON && isRawJSON ? { rawJSON, isRawJSON, stringify: JSON.stringify } : createMarkedJson();

/**
 * Parses JSON text. A reviver can cost a hundred times the plain parse. So each number that a double may change is replaced by a
 * placeholder, which is found again in the parsed value.
 * @throws {SyntaxError} when the text is not JSON
 */
export function parseJson(text: string): unknown {
  return parseSurveyedJson(text, surveyJson(text));
}

/** The same for a text that has been surveyed. */
export function parseSurveyedJson(
  text: string,
  { wideNumbers }: JsonSurvey,
  isSpelled: Spelled = () => false,
): unknown {
  if (wideNumbers.length === 0) return JSON.parse(text);
  const numbers: string[] = [];
  let replaced = '';
  let copied = 0;
  for (let index = 0; index < wideNumbers.length; index += 2) {
    const [start = 0, end = 0] = [wideNumbers[index], wideNumbers[index + 1]];
    replaced += text.slice(copied, start) + toPlaceholder(numbers.length);
    numbers.push(text.slice(start, end));
    copied = end;
  }
  return restoreNumbers(JSON.parse(replaced + text.slice(copied)), numbers, isSpelled);
}

/** Whether a member's number keeps its spelling, so that 1.0 is written as 1.0 and not as 1. */
export type Spelled = (holder: object, key: string) => boolean;

/** Every number of this size is long or has an exponent, so it was replaced: only placeholders are as large in the parsed value. */
const PLACEHOLDER_UNIT = 1e300;

function toPlaceholder(index: number): string {
  return `${index + 1}e300`;
}

/** Replaces placeholders by their numbers, without recursion, because answers may nest deeper than the stack allows. */
function restoreNumbers(parsed: unknown, numbers: readonly string[], isSpelled: Spelled): unknown {
  const root: Record<string, unknown> = { '': parsed };
  const pending: Record<string, unknown>[] = [root];
  const restore = (holder: Record<string, unknown>, key: string | number): void => {
    const value = holder[key];
    if (typeof value === 'object' && value !== null) pending.push(value as Record<string, unknown>);
    else if (typeof value === 'number' && Math.abs(value) >= PLACEHOLDER_UNIT) {
      const text = numbers[Math.round(Math.abs(value) / PLACEHOLDER_UNIT) - 1] as string;
      holder[key] = toJsonNumber(text, value < 0, isSpelled(holder, String(key)));
    }
  };
  for (let holder = pending.pop(); holder !== undefined; holder = pending.pop()) {
    if (Array.isArray(holder)) for (let index = 0; index < holder.length; index++) restore(holder, index);
    else for (const key in holder) restore(holder, key);
  }
  return root[''];
}

/** @param text the number without its sign */
function toJsonNumber(text: string, isNegative: boolean, isSpelled: boolean): JsonNumber {
  const value = exactNumber(text);
  if (value === undefined || (isSpelled && String(value) !== text)) return json.rawJSON(isNegative ? `-${text}` : text);
  return isNegative ? -value : value;
}

/** Serializes values in wire form: bigints must have been converted by `toWireInteger`. */
export function stringifyJson(value: unknown): string {
  return json.stringify(value);
}

/** The wire form of a bigint: a plain number where that is exact, else a raw number with its digits. */
export function toWireInteger(value: bigint): number | RawNumber {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : json.rawJSON(value.toString());
}

/** A JSON number as a bigint; `undefined` when it is not whole, not exact or far too long. */
export function fromWireInteger(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  // `parseJson` already converts whole numbers to bigints, except ids that keep their spelling and numbers that are too long.
  if (!json.isRawJSON(value) || value.rawJSON.length > WHOLE_DIGITS_MAX) return undefined;
  const isNegative = value.rawJSON.startsWith('-');
  const exact = exactNumber(isNegative ? value.rawJSON.slice(1) : value.rawJSON);
  if (exact === undefined || (typeof exact === 'number' && !Number.isInteger(exact))) return undefined;
  return isNegative ? -BigInt(exact) : BigInt(exact);
}

export function isRawNumber(value: unknown): value is RawNumber {
  return json.isRawJSON(value);
}

/** A number that is written with exactly these digits. */
export function rawNumber(text: string): RawNumber {
  return json.rawJSON(text);
}
