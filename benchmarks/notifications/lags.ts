import { readFile } from 'node:fs/promises';
import { markdownTable } from 'rpc-kit/markdown-table';
import { percentile } from '../harness/figure.ts';
import { barTable, type Results, toReport } from '../harness/report.ts';

export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

interface LagResults extends Results {
  readonly way: 'rpc' | 'kafka';
  readonly eventsPerSecond: number;
  readonly seconds: number;
  /** The p99 has to be below this. */
  readonly barMs: number;
  readonly fromChange: Quantiles;
  readonly fromAnswer: Quantiles;
}

export interface Lags {
  /** From the change inside its transaction, some statements before the commit. */
  readonly fromChange: readonly number[];
  /** From the answer to the buyer, some milliseconds after the commit; negative where the journal entry was first. */
  readonly fromAnswer: readonly number[];
}

/** Up to the write of the journal entry. All clocks are this machine's, in whole milliseconds. */
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
  /** Small in a fresh database, so a number is exact. */
  readonly orderID: number;
  readonly seq: number;
  readonly at: string;
  readonly journaledAt: string;
}

export function quantiles(lagsMs: readonly number[]): Quantiles {
  const sorted = lagsMs.toSorted((a, b) => a - b);
  const at = (share: number): number => percentile(sorted, share);
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

export function toMarkdown(results: LagResults): string {
  const { way, eventsPerSecond, seconds, barMs, fromChange, fromAnswer } = results;
  const row = (what: string, { count, p50, p90, p99, max }: Quantiles) => [what, count, p50, p90, p99, max];
  return toReport(
    results,
    `${eventsPerSecond} events a second for ${seconds} s by ${way}; milliseconds to the journal entry.`,
    [
      markdownTable(
        ['from', 'events', 'p50', 'p90', 'p99', 'max'],
        [
          row('the change, before its commit', fromChange),
          row('the answer to the buyer, after its commit', fromAnswer),
        ],
        1,
      ),
      barTable([
        { what: `p99 from the answer below ${barMs} ms`, met: fromAnswer.p99 < barMs, reached: `${fromAnswer.p99} ms` },
      ]),
    ],
  );
}
