import { readFile } from 'node:fs/promises';
import { type Setting, settingLine } from '../../rpc-kit/benchmarks/setting.ts';

export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface Results extends Quantiles {
  readonly setting: Setting;
  readonly way: 'rpc' | 'kafka';
  readonly eventsPerSecond: number;
  readonly seconds: number;
  /** What p99 has to be below. */
  readonly barMs: number;
}

/** From a change, some milliseconds before its commit, to the write of its line; both clocks are this machine's. */
export async function measureLags(journal: string, from: Date): Promise<number[]> {
  const [, ...lines] = (await readFile(journal, 'utf8')).trimEnd().split('\n');
  return lines.flatMap((line) => {
    const { at, journaledAt } = JSON.parse(line) as { at: string; journaledAt: string };
    return new Date(at) < from ? [] : [Date.parse(journaledAt) - Date.parse(at)];
  });
}

export function quantiles(lagsMs: readonly number[]): Quantiles {
  const sorted = lagsMs.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

export function toMarkdown({
  setting,
  way,
  eventsPerSecond,
  seconds,
  barMs,
  count,
  p50,
  p90,
  p99,
  max,
}: Results): string {
  return [
    `${eventsPerSecond} events a second for ${seconds} s by ${way}, in milliseconds from the change to the line in the journal`,
    '',
    '| events | p50 | p90 | p99 | max | p99 has to be below |',
    '| ---: | ---: | ---: | ---: | ---: | ---: |',
    `| ${count} | ${p50} | ${p90} | ${p99} | ${max} | ${barMs} |`,
    '',
    `${settingLine(setting)}.`,
    '',
  ].join('\n');
}
