import { markdownTable } from 'rpc-kit/markdown-table';
import { withSpread } from '../harness/figure.ts';
import { type Setting, settingLine } from '../harness/setting.ts';
import type { Bar, Summaries } from './bars.ts';
import { CLIENTS, SERVERS, type ServerContender } from './contenders.ts';
import type { Options } from './options.ts';
import type { Summary } from './summary.ts';
import { METHOD_NAMES, type MethodName } from './work.ts';

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
    markdownTable(['server', 'validates', ...FIGURES], rows, 2),
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
    markdownTable(['client', ...FIGURES], rows, 1),
  ];
}

function barTable(bars: readonly Bar[]): string {
  return markdownTable(
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

const FIGURES = ['calls/s', 'ratio', 'p50 ms', 'p99 ms', 'ratio of p99', 'CPU µs/call', 'ratio by CPU'];

function figures(summary: Summary): string[] {
  return [
    Math.round(summary.callsPerSecond.median).toLocaleString('en'),
    withSpread(summary.ratio),
    summary.p50Ms.median.toFixed(2),
    summary.p99Ms.median.toFixed(2),
    withSpread(summary.p99Ratio),
    summary.cpuMicrosPerCall.median.toFixed(1),
    withSpread(summary.cpuRatio),
  ];
}
