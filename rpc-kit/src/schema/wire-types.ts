import * as z from 'zod';
import { fromWireInteger, type JsonNumber, toWireInteger } from './json.ts';

/**
 * The types of contracts. 64-bit integers are bigints in code and plain JSON numbers on the wire, exact to the last digit. A value
 * outside its type is refused, never rounded.
 */

const WIDE = {
  int64: { min: -(2n ** 63n), max: 2n ** 63n - 1n },
  uint64: { min: 0n, max: 2n ** 64n - 1n },
} as const;
const UINT32_MAX = 2 ** 32 - 1;
const UINT16_MAX = 2 ** 16 - 1;

/** The bounds of 64-bit integers, for documents. */
export const WIDE_BOUNDS = {
  int64: { minimum: toWireInteger(WIDE.int64.min), maximum: toWireInteger(WIDE.int64.max) },
  uint64: { minimum: toWireInteger(WIDE.uint64.min), maximum: toWireInteger(WIDE.uint64.max) },
} as const;

function wideInteger(format: 'int64' | 'uint64') {
  const { min, max } = WIDE[format];
  const expected = `expected a whole number from ${min} to ${max}`;
  const wire = z
    .custom<JsonNumber>((value) => fromWireInteger(value) !== undefined, expected)
    .meta({ type: 'integer', format });
  const inside = z.bigint().min(min, expected).max(max, expected);
  return z.codec(wire, inside, {
    decode: (value) => fromWireInteger(value) ?? 0n,
    encode: (value) => toWireInteger(value),
  });
}

function narrowInteger(format: 'uint16' | 'uint32', max: number) {
  const expected = `expected a whole number from 0 to ${max}`;
  // When a contract narrows the range, zod's own message names the narrower bound; that of z.int is wider.
  const error = ({ code, minimum, maximum }: { code?: string; minimum?: unknown; maximum?: unknown }) =>
    code?.startsWith('too_') && ![minimum, maximum].some((bound) => Math.abs(Number(bound)) === Number.MAX_SAFE_INTEGER)
      ? undefined
      : expected;
  return z.int({ error, abort: true }).min(0, expected).max(max, expected).meta({ format });
}

/** −9223372036854775808 to 9223372036854775807, a bigint in code. */
export const int64 = wideInteger('int64');
/** 0 to 18446744073709551615, a bigint in code. */
export const uint64 = wideInteger('uint64');
/** 0 to 4294967295. */
export const uint32 = narrowInteger('uint32', UINT32_MAX);
/** 0 to 65535. */
export const uint16 = narrowInteger('uint16', UINT16_MAX);
const RFC_3339 =
  'expected a point in time of the years 0000 to 9999 in whole milliseconds, such as 2026-01-31T12:00:00Z';
/** A Date holds milliseconds, so finer times are refused instead of rounded; trailing zeros are allowed. */
const WHOLE_MILLISECONDS = new RegExp(
  z.regexes.datetime({ offset: true }).source.replace(String.raw`\.\d+`, String.raw`\.\d{1,3}0*`),
);
/**
 * A point in time of the years 0000 to 9999: RFC 3339 text on the wire (https://www.rfc-editor.org/rfc/rfc3339), a Date in code. An
 * offset can move a text of the year 9999 beyond it, so the Date is checked too.
 */
export const timestamp = z
  .codec(
    z.string(RFC_3339).regex(WHOLE_MILLISECONDS, RFC_3339),
    z.date().min(new Date('0000-01-01T00:00:00Z'), RFC_3339).max(new Date('9999-12-31T23:59:59.999Z'), RFC_3339),
    { decode: (text) => new Date(text), encode: (date) => date.toISOString() },
  )
  .meta({ format: 'date-time' });

/**
 * Postgres cannot store NUL, and halves of surrogate pairs would all become U+FFFD, so that different texts would be equal. A
 * pattern, so that documents show it.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern excludes NUL.
const STORABLE = /^[^\u0000\uD800-\uDFFF]*$/u;

/** Control characters are invisible in logs and terminals, and no header can carry them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern excludes control characters.
const VISIBLE = /^[^\u0000-\u001F\u007F-\u009F\uD800-\uDFFF]*$/u;

interface TextForm {
  readonly pattern: RegExp;
  readonly error: string;
}

const ANY_TEXT = {
  pattern: STORABLE,
  error: 'expected text without NUL and without halves of surrogate pairs',
} as const satisfies TextForm;

/**
 * Text of 1 to `lengthMax` characters that a database can store; every text param is one. Characters are code points, as Postgres
 * and JSON Schema count them; zod's own bound counts UTF-16 units.
 */
export function text(lengthMax: number, { pattern, error }: TextForm = ANY_TEXT) {
  return z
    .string()
    .min(1)
    .refine((value) => isAtMost(value, lengthMax), {
      message: `Too big: expected string to have <=${lengthMax} characters`,
      // The cost of a pattern may grow faster than the text.
      abort: true,
    })
    .regex(pattern, error)
    .meta({ maxLength: lengthMax });
}

function isAtMost(value: string, lengthMax: number): boolean {
  // No character has more than two units, so a text of more than twice the limit need not be counted.
  return value.length <= lengthMax || (value.length <= 2 * lengthMax && [...value].length <= lengthMax);
}

/** Names one intended effect, so that a repeated call has it once. */
export const idempotencyKey = text(255, {
  pattern: VISIBLE,
  error: 'expected text without control characters and without halves of surrogate pairs',
});

const REPLACEMENT = '\uFFFD';

/**
 * Makes foreign text storable: at most `lengthMax` UTF-16 units, cut between characters. Postgres refuses NUL and halves of
 * surrogate pairs, so both become U+FFFD.
 */
export function storableText(text: string, lengthMax: number): string {
  const isSplit = text.length > lengthMax && isHighSurrogate(text.charCodeAt(lengthMax - 1));
  return text
    .slice(0, isSplit ? lengthMax - 1 : lengthMax)
    .toWellFormed()
    .replaceAll('\0', REPLACEMENT);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
