import { isRawNumber } from '../schema/json.ts';

/** Retry-After (RFC 9110, section 10.2.3): whole seconds, or a date in one of the three forms of section 5.6.7. */

/** A peer with a broken clock, or a typing error, must not silence its callers for longer; timers end at 2^31 ms, too. */
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

export interface ToldPause {
  readonly retryAfter: string | null | undefined;
  /**
   * The answer's Date header: the pause is the difference of two times of the peer's clock, so that a clock that differs from
   * ours does no harm. Where it is missing or no date, our own clock stands in.
   */
  readonly date: string | null | undefined;
}

/**
 * How long the peer asks to wait, in milliseconds, at most `RETRY_AFTER_MAX_MS`. A date in the past is 0; a value of no known
 * form is `undefined`, as if there were none. Of several values the longest counts: to come later than asked for does no harm.
 */
export function parseRetryAfter({ retryAfter, date }: ToldPause, now = Date.now): number | undefined {
  if (retryAfter === null || retryAfter === undefined) return undefined;
  const pauses = retryAfter
    .split(BETWEEN_LINES)
    .map((value) => parseOne(value.trim(), date, now))
    .filter((pause) => pause !== undefined);
  return pauses.length === 0 ? undefined : boundRetryAfter(Math.max(...pauses));
}

/** A pause in milliseconds as another process wrote it; `undefined` for what is none. */
export function boundRetryAfter(ms: unknown): number | undefined {
  // Integers beyond 2^53, and numbers that a double does not hold, are parsed as something else.
  const pause = isRawNumber(ms) ? Number(ms.rawJSON) : typeof ms === 'bigint' ? Number(ms) : ms;
  return typeof pause === 'number' && pause >= 0 ? Math.min(pause, RETRY_AFTER_MAX_MS) : undefined;
}

function parseOne(value: string, date: string | null | undefined, now: () => number): number | undefined {
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const at = parseHttpDate(value, now);
  if (at === undefined) return undefined;
  return Math.max(0, at - (parseHttpDate(date?.trim() ?? '', now) ?? now()));
}

/** Milliseconds since 1970; `undefined` for what is no date of the calendar. The name of the weekday is not compared. */
function parseHttpDate(text: string, now: () => number): number | undefined {
  const parts = DATES.map((form) => form.exec(text)?.groups).find((found) => found !== undefined);
  if (!parts) return undefined;
  const [year = 0, day = 0, hour = 0, minute = 0, second = 0] = [
    parts.year?.length === 2 ? fullYear(Number(parts.year), now) : Number(parts.year),
    ...[parts.day, parts.hour, parts.minute, parts.second].map(Number),
  ];
  const month = MONTHS.indexOf(parts.month?.toLowerCase() ?? '');
  // Second 60 is a leap second; `setUTCFullYear` takes the years below 100 as they are.
  if (month < 0 || hour > 23 || minute > 59 || second > 60) return undefined;
  const midnight = new Date(0).setUTCFullYear(year, month, day);
  if (new Date(midnight).getUTCDate() !== day) return undefined;
  return midnight + ((hour * 60 + minute) * 60 + second) * 1_000;
}

/** Two digits that seem to lie more than 50 years ahead are a year of the past (RFC 9110, section 5.6.7). */
function fullYear(digits: number, now: () => number): number {
  const thisYear = new Date(now()).getUTCFullYear();
  const inThisCentury = thisYear - (thisYear % 100) + digits;
  return inThisCentury > thisYear + 50 ? inThisCentury - 100 : inThisCentury;
}
