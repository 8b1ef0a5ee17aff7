/** Facts about a JSON text, found in one pass before anything is built from it. The text need not be valid. */
export interface JsonSurvey {
  /** How deep arrays and objects nest. */
  readonly depth: number;
  /** How many values the parsed text has at most: elements, members and empty containers count. */
  readonly values: number;
  /**
   * The numbers that `JSON.parse` may spoil: a double may not hold their value, or the spelling of an id would be lost.
   * The start and the end of each, by turns, without the sign.
   */
  readonly wideNumbers: readonly number[];
}

/** Any decimal number of this many digits has a double of its own. */
const SAFE_DIGITS = 15;
/** 10^-99 is far above the smallest normal double, below which doubles lose digits. */
const SAFE_EXPONENT_DIGITS = 2;

export function surveyJson(text: string): JsonSurvey {
  let depth = 0;
  let deepest = 0;
  let values = 1;
  let digits = 0;
  const wideNumbers: number[] = [];
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (character === QUOTE) {
      index = endOfString(text, index);
      digits = 0;
    } else if (character >= ZERO && character <= NINE) {
      digits += 1;
      if (digits > SAFE_DIGITS) {
        index = surveyNumber(text, index + 1 - digits, wideNumbers) - 1;
        digits = 0;
      }
    } else {
      if (digits > 0 && (character === POINT || isExponentSign(character))) {
        index = surveyNumber(text, index - digits, wideNumbers) - 1;
        digits = 0;
        continue;
      }
      digits = 0;
      if (character === OPEN_BRACKET || character === OPEN_BRACE) {
        depth += 1;
        values += 1;
        if (depth > deepest) deepest = depth;
      } else if (character === CLOSE_BRACKET || character === CLOSE_BRACE) depth -= 1;
      else if (character === COMMA) values += 1;
    }
  }
  return { depth: deepest, values, wideNumbers };
}

/**
 * Reads the number that starts at the index and notes it where a double may spoil it. It is called for numbers of more than
 * 15 digits, with a point or with an exponent.
 * @returns the index behind the number, or behind the part of it that is JSON
 */
function surveyNumber(text: string, start: number, wideNumbers: number[]): number {
  const whole = endOfDigits(text, start);
  // A number with leading zeros is not JSON; JSON.parse says so.
  if (text.charCodeAt(start) === ZERO && whole > start + 1) return whole;
  let end = whole;
  if (text.charCodeAt(end) === POINT) {
    const fraction = endOfDigits(text, end + 1);
    if (fraction === end + 1) return end + 1;
    end = fraction;
  }
  let digits = end - start;
  if (isExponentSign(text.charCodeAt(end))) {
    const sign = text.charCodeAt(end + 1);
    const first = sign === PLUS || sign === MINUS ? end + 2 : end + 1;
    const last = endOfDigits(text, first);
    if (last === first) return first;
    const exponent = last - first > SAFE_EXPONENT_DIGITS ? SAFE_DIGITS : twoDigits(text, first, last);
    if (last - first > SAFE_EXPONENT_DIGITS || sign !== MINUS) digits += exponent;
    end = last;
  }
  if (digits > SAFE_DIGITS || isNamedId(text, start)) wideNumbers.push(start, end);
  return end;
}

function twoDigits(text: string, start: number, end: number): number {
  const last = text.charCodeAt(end - 1) - ZERO;
  return end - start === 1 ? last : (text.charCodeAt(start) - ZERO) * 10 + last;
}

/** Whether the number is the value of a member `id`: ids are echoed as they are spelled. */
function isNamedId(text: string, start: number): boolean {
  let index = start - 1;
  if (text.charCodeAt(index) === MINUS) index -= 1;
  while (isSpace(text.charCodeAt(index))) index -= 1;
  if (text.charCodeAt(index) !== COLON) return false;
  do index -= 1;
  while (isSpace(text.charCodeAt(index)));
  return text.startsWith('"id"', index - 3);
}

function isSpace(character: number): boolean {
  return character === 0x20 || character === 0x0a || character === 0x0d || character === 0x09;
}

function isExponentSign(character: number): boolean {
  return character === SMALL_E || character === LARGE_E;
}

function endOfDigits(text: string, start: number): number {
  let index = start;
  for (let character = text.charCodeAt(index); character >= ZERO && character <= NINE; ) {
    index += 1;
    character = text.charCodeAt(index);
  }
  return index;
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
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const LARGE_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const SMALL_E = 0x65;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
