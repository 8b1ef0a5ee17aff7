import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from 'rpc-kit/markdown-table';

/** When and on which machine a benchmark ran. */
export interface Setting {
  readonly date: string;
  readonly node: string;
  readonly system: string;
  readonly processor: string;
  readonly memoryGiB: number;
  /** Of the last 1, 5 and 15 minutes, at the start. */
  readonly loadAverage: readonly number[];
}

export interface Results {
  readonly setting: Setting;
  /** The figures are rough. */
  readonly quick: boolean;
}

export function describeSetting(): Setting {
  const [first] = cpus();
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    node: process.version,
    system: `${type()} ${release()}`,
    processor: `${cpus().length} × ${first?.model.trim()}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadAverage: loadavg().map((load) => Math.round(load * 100) / 100),
  };
}

export function settingLine({ date, node, system, processor, memoryGiB, loadAverage }: Setting): string {
  return `${date} UTC, Node ${node}, ${system}, ${processor}, ${memoryGiB} GiB, load average at the start ${loadAverage.join(' ')}`;
}

/** Markdown for a README: how it was measured, then the tables and notes that are not empty. */
export function toReport({ setting, quick }: Results, method: string, parts: readonly string[]): string {
  const first = `Measured ${settingLine(setting)}. ${method}${quick ? ' **A quick run: rough figures.**' : ''}`;
  return `${[first, ...parts].filter((part) => part !== '').join('\n\n')}\n`;
}

/** What a benchmark is to reach. */
export interface Bar {
  readonly what: string;
  readonly met: boolean;
  readonly reached: string;
}

export function barTable(bars: readonly Bar[]): string {
  if (bars.length === 0) return '';
  const rows = bars.map(({ what, met, reached }) => [what, met ? 'yes' : '**no**', reached]);
  return markdownTable(['to reach', 'met', 'reached'], rows);
}

export function leftOutList(lines: readonly string[]): string {
  return lines.map((line) => `- Left out: ${line}`).join('\n');
}

const FOLDER = new URL('..', import.meta.url);
const PROJECT = fileURLToPath(new URL('..', FOLDER));

/**
 * Prints the report and writes it, with the figures as JSON, to `benchmarks/<folder>/results/`. A quick run has files of
 * its own, so it never replaces the figures of a full one.
 */
export async function publish(
  folder: string,
  results: Results,
  markdown: string,
  name = results.quick ? 'quick' : 'latest',
): Promise<void> {
  const file = new URL(`${folder}/results/${name}`, FOLDER);
  await mkdir(new URL('.', file), { recursive: true });
  await writeFile(`${fileURLToPath(file)}.json`, `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(`${fileURLToPath(file)}.md`, markdown);
  console.log(`\n${markdown}\nWritten to ${relative(PROJECT, fileURLToPath(file))}.md and .json.`);
}
