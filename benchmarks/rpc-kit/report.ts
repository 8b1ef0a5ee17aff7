import { markdownTable } from 'rpc-kit/markdown-table';
import type { Timing } from '../harness/closed-loop.ts';
import { figureOf, percentile, withQuartiles } from '../harness/figure.ts';
import { type Bar, barTable, leftOutList, type Results, toReport } from '../harness/report.ts';
import { medianOf } from '../harness/rounds.ts';
import type { MeasuredFields } from './bars.ts';
import { ABLATION, BATCHES, CLIENTS, SERVERS, type ServerContender } from './contenders.ts';
import type { CallSummary, Summaries } from './measure-field.ts';
import { METHOD_NAMES, type MethodName } from './work.ts';

interface RoundResults extends Results {
  readonly rounds: number;
  readonly timing: Timing;
  readonly leftOut: readonly string[];
  /** Contenders of an earlier commit. */
  readonly earlier: readonly ServerContender[];
}

export interface CallResults extends RoundResults, MeasuredFields {
  readonly bars: readonly Bar[];
}

export interface AblationResults extends RoundResults {
  readonly ablation: Summaries;
}

export function toMarkdown(results: CallResults): string {
  const { servers, batches, clients, earlier } = results;
  const contenders: readonly ServerContender[] = [...SERVERS, ...BATCHES, ...earlier];
  const notes = contenders
    .filter(({ name }) => servers.createOrder.some((summary) => summary.name === name))
    .flatMap(({ note }) => note ?? []);
  return toReport(results, howMeasured(results), [
    ...METHOD_NAMES.flatMap((method) =>
      serverTable(`Servers, \`${method}\` (${WHAT[method]}); ratios to bare node:http:`, servers[method], contenders),
    ),
    notes.map((note) => `- ${note}`).join('\n'),
    ...METHOD_NAMES.flatMap((method) =>
      serverTable(
        `Servers, \`${method}\` in JSON-RPC batches of ${BATCHES[0].batch}, figures of one call; ratios to jayson:`,
        batches[method],
        contenders,
      ),
    ),
    ...METHOD_NAMES.flatMap((method) => clientTable(clients[method], method)),
    clients.createOrder.some(({ name }) => name === 'client-batched') ? BATCHING_NOTE : '',
    barTable(results.bars),
    leftOutList(results.leftOut),
  ]);
}

/** How many microseconds of CPU a call costs more than bare node:http, with one part of rpc-kit taken away at a time. */
export function toAblationMarkdown(results: AblationResults): string {
  const contenders = [...ABLATION, ...results.earlier];
  return toReport(results, howMeasured(results), [
    ...METHOD_NAMES.flatMap((method) => ablationTable(results.ablation[method], method, contenders)),
    leftOutList(results.leftOut),
  ]);
}

function howMeasured({ rounds, timing }: RoundResults): string {
  return `${rounds} rounds of ${timing.measureMs} ms for each, by turns; ${timing.concurrency} calls in flight; loopback; medians of the rounds, ratios and differences are taken round by round, with their quartiles.`;
}

const BATCHING_NOTE =
  '- Micro-batched: the calls of a batch are answered together, so client and server work by turns and each is idle half of the time; the ratio by CPU is the one for a busy core.';

const WHAT = { createOrder: 'five items in, an id out', stocks: 'a sku in, three stocks out' };

function serverTable(
  caption: string,
  summaries: readonly CallSummary[],
  contenders: readonly ServerContender[],
): string[] {
  if (summaries.length === 0) return [];
  const rows = byCpu(summaries).map((summary) => {
    const contender = contenders.find(({ name }) => name === summary.name);
    return [titled(contender?.title, summary), contender?.validates ?? '', ...figures(summary)];
  });
  return [caption, markdownTable(['server', 'validates', ...FIGURES], rows, 2)];
}

function clientTable(summaries: readonly CallSummary[], method: MethodName): string[] {
  if (summaries.length === 0) return [];
  const rows = byCpu(summaries).map((summary) => [
    titled(CLIENTS.find(({ name }) => name === summary.name)?.title, summary),
    ...figures(summary),
  ]);
  return [
    `Clients, \`${method}\`, against one bare node:http server; ratios to bare undici:`,
    markdownTable(['client', ...FIGURES], rows, 1),
  ];
}

function ablationTable(
  summaries: readonly CallSummary[],
  method: MethodName,
  contenders: readonly ServerContender[],
): string[] {
  const [baseline, ...others] = summaries;
  if (!baseline) return [];
  const rows = others.map((summary) => {
    const over = figureOf(
      summary.rounds.map(({ cpuMicros }, round) => cpuMicros - (baseline.rounds[round]?.cpuMicros ?? Number.NaN)),
    );
    const quiet = (quietMicros(summary) - quietMicros(baseline)).toFixed(1);
    const title = contenders.find(({ name }) => name === summary.name)?.title;
    return [titled(title, summary), withQuartiles(over), quiet, withQuartiles(summary.cpuRatio), toKilobytes(summary)];
  });
  const caption = `\`${method}\` (${WHAT[method]}); bare node:http needs ${micros(baseline)} µs and allocates ${toKilobytes(baseline)} KB:`;
  return [
    caption,
    markdownTable(['rpc-kit', 'µs over bare node:http', 'in quiet turns', 'ratio by CPU', 'KB/call'], rows, 1),
  ];
}

function byCpu(summaries: readonly CallSummary[]): CallSummary[] {
  return summaries.toSorted((a, b) => b.cpuRatio.median - a.cpuRatio.median);
}

function titled(title = '', { failures }: CallSummary): string {
  return failures === 0 ? title : `${title} (${failures} calls failed)`;
}

const FIGURES = ['CPU µs/call', 'ratio by CPU', 'KB/call', 'calls/s', 'ratio', 'p50 ms', 'p99 ms', 'ratio of p99'];

function figures(summary: CallSummary): string[] {
  return [
    micros(summary),
    withQuartiles(summary.cpuRatio),
    toKilobytes(summary),
    Math.round(medianOf(summary, ({ perSecond }) => perSecond)).toLocaleString('en'),
    withQuartiles(summary.ratio),
    medianOf(summary, ({ p50Ms }) => p50Ms).toFixed(2),
    medianOf(summary, ({ p99Ms }) => p99Ms).toFixed(2),
    withQuartiles(summary.p99Ratio),
  ];
}

function micros(summary: CallSummary): string {
  return medianOf(summary, ({ cpuMicros }) => cpuMicros).toFixed(1);
}

/** The first decile: on a busy machine the turns in which nothing else ran repeat, and the others do not. */
function quietMicros({ rounds }: CallSummary): number {
  return percentile(
    rounds.map(({ cpuMicros }) => cpuMicros).toSorted((a, b) => a - b),
    0.1,
  );
}

function toKilobytes(summary: CallSummary): string {
  return (medianOf(summary, ({ allocatedBytes }) => allocatedBytes) / 1_000).toFixed(1);
}
