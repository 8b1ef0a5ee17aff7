import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import type { Bar, Summaries } from './bars.ts';
import { CLIENTS, SERVERS, type ServerContender } from './contenders.ts';
import type { Options } from './options.ts';
import type { Figure, Summary } from './summary.ts';
import { METHOD_NAMES, type MethodName } from './work.ts';

/** Where and when it was measured. */
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
  readonly quick: boolean;
  readonly rounds: number;
  readonly timing: Options['timing'];
  readonly servers: Summaries;
  readonly clients: Summaries;
  readonly bars: readonly Bar[];
  /** What was not measured, and why. */
  readonly leftOut: readonly string[];
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

/** Tables that can be pasted into a README. */
export function toMarkdown(results: Results): string {
  const { timing, rounds } = results;
  const notes = (SERVERS as readonly ServerContender[])
    .filter(({ name }) => results.servers.createOrder.some((summary) => summary.name === name))
    .flatMap(({ note }) => note ?? []);
  return [
    `Measured ${settingLine(results.setting)}. ${rounds} rounds of ${timing.measureMs} ms for each, by turns; ${timing.concurrency} calls under way; loopback; medians of the rounds, ratios with their spread.${results.quick ? ' **A quick run: rough figures.**' : ''}`,
    ...METHOD_NAMES.flatMap((method) => serverTable(results, method)),
    notes.map((note) => `- ${note}`).join('\n'),
    ...METHOD_NAMES.flatMap((method) => clientTable(results, method)),
    results.clients.createOrder.some(({ name }) => name === 'client-batched') ? BATCHING_NOTE : '',
    results.bars.length > 0 ? barTable(results.bars) : '',
    results.leftOut.map((line) => `- Left out: ${line}`).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

const BATCHING_NOTE =
  '- Micro-batched: calls that are under way together are answered together, so client and server work by turns and each waits half of the time; the ratio by CPU says what a core can send.';

const WHAT = { createOrder: 'five items in, an id out', stocks: 'a sku in, three stocks out' };

function serverTable({ servers }: Results, method: MethodName): string[] {
  if (servers[method].length === 0) return [];
  const rows = byRatio(servers[method]).map((summary) => {
    const contender = SERVERS.find(({ name }) => name === summary.name);
    return [titled(contender?.title, summary), contender?.validates ?? '', ...figures(summary)];
  });
  return [
    `Servers, \`${method}\` (${WHAT[method]}); ratios to bare node:http:`,
    table(['server', 'validates', 'calls/s', 'p50 ms', 'p99 ms', 'ratio', 'CPU µs/call', 'ratio by CPU'], rows, 2),
  ];
}

function clientTable({ clients }: Results, method: MethodName): string[] {
  if (clients[method].length === 0) return [];
  const rows = byRatio(clients[method]).map((summary) => [
    titled(CLIENTS.find(({ name }) => name === summary.name)?.title, summary),
    ...figures(summary),
  ]);
  return [
    `Clients, \`${method}\`, against one bare node:http server; ratios to bare undici:`,
    table(['client', 'calls/s', 'p50 ms', 'p99 ms', 'ratio', 'CPU µs/call', 'ratio by CPU'], rows, 1),
  ];
}

function barTable(bars: readonly Bar[]): string {
  return table(
    ['to reach', 'met', 'reached'],
    bars.map(({ what, met, reached }) => [what, met ? 'yes' : '**no**', reached]),
    3,
  );
}

function byRatio(summaries: readonly Summary[]): Summary[] {
  return [...summaries].sort((a, b) => b.ratio.median - a.ratio.median);
}

function titled(title = '', { failures }: Summary): string {
  return failures === 0 ? title : `${title} (${failures} calls failed)`;
}

function figures(summary: Summary): string[] {
  return [
    Math.round(summary.callsPerSecond.median).toLocaleString('en'),
    summary.p50Ms.median.toFixed(2),
    summary.p99Ms.median.toFixed(2),
    withSpread(summary.ratio),
    summary.cpuMicrosPerCall.median.toFixed(1),
    withSpread(summary.cpuRatio),
  ];
}

function withSpread({ median, min, max }: Figure): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
}

/** @param textColumns how many columns from the left hold text, not figures */
function table(head: readonly string[], rows: readonly (readonly string[])[], textColumns: number): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, index) => (index < textColumns ? '---' : '---:'))), ...rows.map(line)].join(
    '\n',
  );
}

/**
 * A quick run does not take the place of a full one.
 * @returns where the results are
 */
export async function writeResults(results: Results): Promise<string> {
  const name = results.quick ? 'quick' : 'latest';
  const folder = new URL('results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${name}.json`, folder), `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(new URL(`${name}.md`, folder), toMarkdown(results));
  return `rpc-kit/benchmarks/results/${name}.md and ${name}.json`;
}
