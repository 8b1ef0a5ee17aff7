import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';

/** Counting further would make the scrape expensive, and no alert depends on the difference. */
const COUNT_MAX = 10_000;
/** Below Prometheus' scrape timeout of 10 s by far: a slow database must not cost the other metrics of the scrape. */
const TIMEOUT_MS = 500;

/** Items that wait. */
export interface Backlog {
  readonly count: number;
  /** The age of the oldest of them, in milliseconds; 0 for an empty queue. */
  readonly oldestMs: number;
}

export interface QueueGaugesOptions {
  readonly registry: Registry;
  readonly logger: Logger;
  readonly count: GaugeText;
  /** Shown in seconds. */
  readonly oldest: GaugeText;
  readonly queues: readonly Queue[];
}

interface GaugeText {
  readonly name: string;
  /** A sentence without its full stop. */
  readonly help: string;
  readonly labelNames?: readonly string[];
}

interface Queue {
  readonly labels?: Readonly<Record<string, string>>;
  /** Counts up to a limit. */
  readonly read: (countMax: number, context: { readonly signal: AbortSignal }) => Promise<Backlog>;
}

const UNREAD = 'a queue could not be read from the database; its gauges are missing from this scrape';

/** Two gauges for each queue, read from the database at each scrape: how many items wait, and how old the oldest is. */
export function queueGauges({ registry, logger, count, oldest, queues }: QueueGaugesOptions): void {
  const readers = queues.map(({ labels = {}, read }) => ({
    labels,
    read: readForScrape(logger, UNREAD, (signal) => read(COUNT_MAX, { signal })),
  }));
  const addGauge = ({ name, labelNames = [] }: GaugeText, help: string, toValue: (backlog: Backlog) => number) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const show = async ({ labels, read }: (typeof readers)[number]): Promise<void> => {
          const backlog = await read();
          const own = Object.fromEntries(labelNames.map((label) => [label, labels[label] ?? '']));
          if (backlog) this.set(own, toValue(backlog));
          else this.remove(own);
        };
        await Promise.all(readers.map(show));
      },
    });
  addGauge(count, `${count.help}, counted up to ${COUNT_MAX}.`, (backlog) => backlog.count);
  addGauge(oldest, `${oldest.help}.`, ({ oldestMs }) => oldestMs / 1_000);
}

/**
 * A reading of the database for gauges, bounded in time; undefined where it failed, which is logged. The gauges of a scrape are
 * collected at the same time, so they share one reading; so do scrapes that overlap.
 * @param failed the log line
 */
export function readForScrape<T>(
  logger: Logger,
  failed: string,
  read: (signal: AbortSignal) => Promise<T>,
): () => Promise<T | undefined> {
  let reading: Promise<T | undefined> | undefined;
  return () => {
    reading ??= read(AbortSignal.timeout(TIMEOUT_MS))
      .catch((err: unknown) => {
        logger.warn({ err }, failed);
        return undefined;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
}
