import { markdownTable } from 'rpc-kit/markdown-table';
import type { Timing } from '../harness/closed-loop.ts';
import { withSpread } from '../harness/figure.ts';
import { type Bar, barTable, leftOutList, type Results, toReport } from '../harness/report.ts';
import { medianOf, type Summary } from '../harness/rounds.ts';
import type { Summaries } from './bars.ts';
import { CLIENTS, SERVERS, type ServerContender } from './contenders.ts';
import { METHOD_NAMES, type MethodName } from './work.ts';

interface CallResults extends Results {
  readonly rounds: number;
  readonly timing: Timing;
  readonly servers: Summaries;
  readonly clients: Summaries;
  readonly bars: readonly Bar[];
  readonly leftOut: readonly string[];
}

export function toMarkdown(results: CallResults): string {
  const { timing, rounds, servers, clients } = results;
  const notes = (SERVERS as readonly ServerContender[])
    .filter(({ name }) => servers.createOrder.some((summary) => summary.name === name))
    .flatMap(({ note }) => note ?? []);
  return toReport(
    results,
    `${rounds} rounds of ${timing.measureMs} ms for each, by turns; ${timing.concurrency} calls in flight; loopback; medians of the rounds, ratios with their spread.`,
    [
      ...METHOD_NAMES.flatMap((method) => serverTable(servers[method], method)),
      notes.map((note) => `- ${note}`).join('\n'),
      ...METHOD_NAMES.flatMap((method) => clientTable(clients[method], method)),
      clients.createOrder.some(({ name }) => name === 'client-batched') ? BATCHING_NOTE : '',
      barTable(results.bars),
      leftOutList(results.leftOut),
    ],
  );
}

const BATCHING_NOTE =
  '- Micro-batched: the calls of a batch are answered together, so client and server work by turns and each is idle half of the time; the ratio by CPU is the one for a busy core.';

const WHAT = { createOrder: 'five items in, an id out', stocks: 'a sku in, three stocks out' };

function serverTable(summaries: readonly Summary[], method: MethodName): string[] {
  if (summaries.length === 0) return [];
  const rows = byRatio(summaries).map((summary) => {
    const contender = SERVERS.find(({ name }) => name === summary.name);
    return [titled(contender?.title, summary), contender?.validates ?? '', ...figures(summary)];
  });
  return [
    `Servers, \`${method}\` (${WHAT[method]}); ratios to bare node:http:`,
    markdownTable(['server', 'validates', ...FIGURES], rows, 2),
  ];
}

function clientTable(summaries: readonly Summary[], method: MethodName): string[] {
  if (summaries.length === 0) return [];
  const rows = byRatio(summaries).map((summary) => [
    titled(CLIENTS.find(({ name }) => name === summary.name)?.title, summary),
    ...figures(summary),
  ]);
  return [
    `Clients, \`${method}\`, against one bare node:http server; ratios to bare undici:`,
    markdownTable(['client', ...FIGURES], rows, 1),
  ];
}

function byRatio(summaries: readonly Summary[]): Summary[] {
  return summaries.toSorted((a, b) => b.ratio.median - a.ratio.median);
}

function titled(title = '', { failures }: Summary): string {
  return failures === 0 ? title : `${title} (${failures} calls failed)`;
}

const FIGURES = ['calls/s', 'ratio', 'p50 ms', 'p99 ms', 'ratio of p99', 'CPU µs/call', 'ratio by CPU'];

function figures(summary: Summary): string[] {
  return [
    Math.round(medianOf(summary, ({ perSecond }) => perSecond)).toLocaleString('en'),
    withSpread(summary.ratio),
    medianOf(summary, ({ p50Ms }) => p50Ms).toFixed(2),
    medianOf(summary, ({ p99Ms }) => p99Ms).toFixed(2),
    withSpread(summary.p99Ratio),
    medianOf(summary, ({ cpuMicros }) => cpuMicros).toFixed(1),
    withSpread(summary.cpuRatio),
  ];
}
