import { readFile } from 'node:fs/promises';
import { markdownTable } from 'rpc-kit/markdown-table';
import { type Setting, settingLine } from '../harness/setting.ts';

export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface Results {
  readonly setting: Setting;
  readonly way: 'rpc' | 'kafka';
  readonly eventsPerSecond: number;
  readonly seconds: number;
  /** What p99 has to be below. */
  readonly barMs: number;
  readonly fromChange: Quantiles;
  readonly fromAnswer: Quantiles;
}

export interface Lags {
  /** From the change inside of its transaction, which is some statements before its commit. */
  readonly fromChange: readonly number[];
  /** From the answer to the buyer, which comes some milliseconds after the commit; below 0 where the line was first. */
  readonly fromAnswer: readonly number[];
}

/** Up to the write of the line. All clocks are this machine's, in whole milliseconds. */
export async function measureLags(journal: string, from: Date, answeredAt: ReadonlyMap<string, number>): Promise<Lags> {
  const [, ...lines] = (await readFile(journal, 'utf8')).trimEnd().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as Entry).filter(({ at }) => new Date(at) >= from);
  const writtenAt = ({ journaledAt }: Entry): number => Date.parse(journaledAt);
  return {
    fromChange: entries.map((entry) => writtenAt(entry) - Date.parse(entry.at)),
    fromAnswer: entries.flatMap((entry) => {
      const answered = answeredAt.get(`${entry.orderID}/${entry.seq}`);
      return answered === undefined ? [] : [writtenAt(entry) - answered];
    }),
  };
}

interface Entry {
  /** Small in a database of its own. */
  readonly orderID: number;
  readonly seq: number;
  readonly at: string;
  readonly journaledAt: string;
}

export function quantiles(lagsMs: readonly number[]): Quantiles {
  const sorted = lagsMs.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

export function toMarkdown({ setting, way, eventsPerSecond, seconds, barMs, ...measured }: Results): string {
  const row = (what: string, { count, p50, p90, p99, max }: Quantiles) => [what, count, p50, p90, p99, max];
  return [
    `${eventsPerSecond} events a second for ${seconds} s by ${way}, in milliseconds to the line in the journal:`,
    '',
    markdownTable(
      ['from', 'events', 'p50', 'p90', 'p99', 'max'],
      [
        row('the change, before its commit', measured.fromChange),
        row('the answer to the buyer, after its commit', measured.fromAnswer),
      ],
      1,
    ),
    '',
    `p99 has to be below ${barMs}. ${settingLine(setting)}.`,
    '',
  ].join('\n');
}
