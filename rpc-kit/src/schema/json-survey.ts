/** Facts about a JSON text, found in one pass before it is parsed. The text need not be valid. */
export interface JsonSurvey {
  /** The nesting depth of arrays and objects. */
  readonly depth: number;
  /** An upper bound of the values: elements, members and empty containers. */
  readonly values: number;
  /**
   * The numbers that `JSON.parse` may change: a double may not hold their value, or an id would lose its spelling. Start and end of
   * each alternate, without the sign.
   */
  readonly wideNumbers: readonly number[];
}

/** A double holds every decimal number of this many digits exactly enough to distinguish it from all others. */
const SAFE_DIGITS = 15;
/** 10^-99 is far above the smallest normal double, below which doubles lose digits. */
const SAFE_EXPONENT_DIGITS = 2;

/** Small functions skip runs of white space, digits and strings, because the engine optimizes those best. */
export function surveyJson(text: string): JsonSurvey {
  let depth = 0;
  let deepest = 0;
  let values = 1;
  const wideNumbers: number[] = [];
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (character === QUOTE) index = endOfString(text, index);
    else if (isDigit(character)) index = surveyNumber(text, index, wideNumbers) - 1;
    else if (isSpace(character)) index = endOfSpace(text, index) - 1;
    else if (character === COMMA) values += 1;
    else if (character === OPEN_BRACKET || character === OPEN_BRACE) {
      values += 1;
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (character === CLOSE_BRACKET || character === CLOSE_BRACE) depth -= 1;
  }
  return { depth: deepest, values, wideNumbers };
}

/**
 * Reads the number that starts at the index, and records it when a double may change it.
 * @returns the index after the number, or after the part of it that is JSON
 */
function surveyNumber(text: string, start: number, wideNumbers: number[]): number {
  const whole = endOfDigits(text, start);
  const next = text.charCodeAt(whole);
  const hasPoint = next === POINT;
  if (whole - start <= SAFE_DIGITS && !hasPoint && !isExponentSign(next)) return whole;
  // A number with leading zeros is not JSON; JSON.parse refuses it.
  if (text.charCodeAt(start) === ZERO && whole > start + 1) return whole;
  let end = whole;
  if (hasPoint) {
    end = endOfDigits(text, whole + 1);
    if (end === whole + 1) return end;
  }
  let digits = end - start;
  if (isExponentSign(text.charCodeAt(end))) {
    const sign = text.charCodeAt(end + 1);
    const first = sign === PLUS || sign === MINUS ? end + 2 : end + 1;
    end = endOfDigits(text, first);
    if (end === first) return end;
    if (end - first > SAFE_EXPONENT_DIGITS) digits = Number.POSITIVE_INFINITY;
    else if (sign !== MINUS) digits += twoDigits(text, first, end);
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

function isDigit(character: number): boolean {
  return character >= ZERO && character <= NINE;
}

function isExponentSign(character: number): boolean {
  return character === SMALL_E || character === LARGE_E;
}

function endOfSpace(text: string, start: number): number {
  let index = start;
  while (isSpace(text.charCodeAt(index))) index += 1;
  return index;
}

function endOfDigits(text: string, start: number): number {
  let index = start;
  while (isDigit(text.charCodeAt(index))) index += 1;
  return index;
}

/** Longer strings are searched by `indexOf`, which is ten times faster for them. */
const SHORT_STRING_LENGTH = 64;

/** The index of the closing quote of the string opened at the index; the text's length without one. */
function endOfString(text: string, opened: number): number {
  const near = Math.min(opened + SHORT_STRING_LENGTH, text.length);
  let index = opened + 1;
  for (; index < near; index++) {
    const character = text.charCodeAt(index);
    if (character === BACKSLASH) index += 1;
    else if (character === QUOTE) return index;
  }
  const quote = text.indexOf('"', index);
  if (quote < 0) return text.length;
  return text.charCodeAt(quote - 1) === BACKSLASH ? endOfEscapedString(text, index) : quote;
}

function endOfEscapedString(text: string, start: number): number {
  for (let index = start; index < text.length; index++) {
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
