import { isRawNumber } from '../schema/json.ts';

/** Retry-After (RFC 9110, section 10.2.3): whole seconds, or a date in one of the three forms of section 5.6.7. */

/** A peer with a broken clock or a typing error must not silence its callers for longer. Timers end at 2^31 ms too. */
export const RETRY_AFTER_MAX_MS = 3_600_000;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)';
const DATES = [
  // IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
  `[a-z]{3}, (?<day>\\d\\d) (?<month>[a-z]{3}) (?<year>\\d{4}) ${TIME} gmt`,
  // RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
  `[a-z]{6,9}, (?<day>\\d\\d)-(?<month>[a-z]{3})-(?<year>\\d\\d) ${TIME} gmt`,
  // asctime: Sun Nov  6 08:49:37 1994
  `[a-z]{3} (?<month>[a-z]{3}) (?<day>\\d\\d| \\d) ${TIME} (?<year>\\d{4})`,
].map((form) => new RegExp(`^${form}$`, 'i'));

/** A comma that does not follow the name of a weekday separates two header lines that were joined into one. */
const BETWEEN_LINES = /(?<!day|mon|tue|wed|thu|fri|sat|sun),/i;

/** The headers of an answer that say when to call again. */
export interface RetryAfterHeaders {
  readonly retryAfter: string | null | undefined;
  /**
   * The answer's Date header. The pause is the difference of two times of the peer's clock, so that clock skew does no harm. Without
   * a valid Date, the local clock is used.
   */
  readonly date: string | null | undefined;
}

/**
 * The pause that the peer asks for, in milliseconds, at most `RETRY_AFTER_MAX_MS`. A date in the past is 0; a malformed value is
 * `undefined`. The longest of several values counts, because coming later than asked for does no harm.
 */
export function parseRetryAfter({ retryAfter, date }: RetryAfterHeaders, now = Date.now): number | undefined {
  if (retryAfter === null || retryAfter === undefined) return undefined;
  const pauses = retryAfter
    .split(BETWEEN_LINES)
    .map((value) => parseOne(value.trim(), date, now))
    .filter((pause) => pause !== undefined);
  return pauses.length === 0 ? undefined : boundRetryAfter(Math.max(...pauses));
}

/** A pause in milliseconds from another process, bounded; `undefined` for a value that is no pause. */
export function boundRetryAfter(ms: unknown): number | undefined {
  // parseJson gives a bigint beyond 2^53, and a raw number for a value that no double holds.
  const pause = isRawNumber(ms) ? Number(ms.rawJSON) : typeof ms === 'bigint' ? Number(ms) : ms;
  return typeof pause === 'number' && pause >= 0 ? Math.min(pause, RETRY_AFTER_MAX_MS) : undefined;
}

function parseOne(value: string, date: string | null | undefined, now: () => number): number | undefined {
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const at = parseHttpDate(value, now);
  if (at === undefined) return undefined;
  return Math.max(0, at - (parseHttpDate(date?.trim() ?? '', now) ?? now()));
}

/** Milliseconds since 1970; `undefined` for a text that is no calendar date. The weekday is not checked. */
function parseHttpDate(text: string, now: () => number): number | undefined {
  const parts = DATES.map((form) => form.exec(text)?.groups).find((found) => found !== undefined);
  if (!parts) return undefined;
  const [year = 0, day = 0, hour = 0, minute = 0, second = 0] = [
    parts.year?.length === 2 ? fullYear(Number(parts.year), now) : Number(parts.year),
    ...[parts.day, parts.hour, parts.minute, parts.second].map(Number),
  ];
  const month = MONTHS.indexOf(parts.month?.toLowerCase() ?? '');
  // Second 60 is a leap second. `setUTCFullYear`, unlike `Date.UTC`, does not shift years below 100.
  if (month < 0 || hour > 23 || minute > 59 || second > 60) return undefined;
  const midnight = new Date(0).setUTCFullYear(year, month, day);
  if (new Date(midnight).getUTCDate() !== day) return undefined;
  return midnight + ((hour * 60 + minute) * 60 + second) * 1_000;
}

/** A two-digit year more than 50 years ahead is in the past (RFC 9110, section 5.6.7). */
function fullYear(digits: number, now: () => number): number {
  const thisYear = new Date(now()).getUTCFullYear();
  const inThisCentury = thisYear - (thisYear % 100) + digits;
  return inThisCentury > thisYear + 50 ? inThisCentury - 100 : inThisCentury;
}
