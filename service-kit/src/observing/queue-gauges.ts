import type { Logger } from 'pino';

/** Whoever scrapes waits for the answer; what is not known in time is left out of it. */
const TIMEOUT_MS = 500;

/**
 * For gauges that need the database. The gauges of a scrape are collected at the same moment, so one reading serves them
 * all, also where several scrape at once.
 * @returns what was read, or undefined where that failed or took too long
 */
export function readAtScrape<T>(
  logger: Logger,
  read: (context: { readonly signal: AbortSignal }) => Promise<T>,
): () => Promise<T | undefined> {
  let reading: Promise<T | undefined> | undefined;
  return () => {
    reading ??= read({ signal: AbortSignal.timeout(TIMEOUT_MS) })
      .catch((err: unknown) => {
        logger.warn({ err }, 'what a metric shows could not be read, and is left out of this answer');
        return undefined;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
}
