import { markdownTable } from 'rpc-kit/markdown-table';
import type { Timing } from '../harness/closed-loop.ts';
import { figureOf, withQuartiles } from '../harness/figure.ts';
import { type Bar, barTable, leftOutList, type Results, toReport } from '../harness/report.ts';
import { medianOf } from '../harness/rounds.ts';
import type { CallMeasurement, CallSummary, Summaries } from '../rpc-kit/measure-field.ts';
import { METHOD_NAMES } from '../rpc-kit/work.ts';
import { CLIENTS, SERVERS } from './contenders.ts';

export interface GrpcResults extends Results {
  readonly rounds: number;
  readonly timing: Timing;
  readonly servers: Summaries;
  readonly clients: Summaries;
  readonly leftOut: readonly string[];
}

const WHAT = { createOrder: 'five items in, an id out', stocks: 'a sku in, three stocks out' };

export function toMarkdown(results: GrpcResults): string {
  const { rounds, timing, servers, clients, leftOut } = results;
  const method = `${rounds} rounds of ${timing.measureMs} ms for each, by turns; ${timing.concurrency} calls in flight; loopback, HTTP/2 without TLS; medians of the rounds, ratios are taken round by round, with their quartiles. CPU is that of the measured process.`;
  return toReport(results, method, [
    ...METHOD_NAMES.flatMap((name) => [
      `Servers, \`${name}\` (${WHAT[name]}):`,
      table(servers[name], SERVERS),
      `Clients, \`${name}\`, against the bare server:`,
      table(clients[name], CLIENTS),
    ]),
    barTable([...judge('server', servers), ...judge('client', clients)]),
    leftOutList(leftOut),
  ]);
}

interface Titled {
  readonly name: string;
  readonly title: string;
}

function table(summaries: readonly CallSummary[], contenders: readonly Titled[]): string {
  const [baseline] = summaries;
  if (!baseline) return '';
  const rows = summaries.map((summary) => [
    `${contenders.find(({ name }) => name === summary.name)?.title}${summary.failures > 0 ? ` (${summary.failures} calls failed)` : ''}`,
    medianOf(summary, ({ cpuMicros }) => cpuMicros).toFixed(1),
    withQuartiles(figureOf(cpuRatios(summary, baseline))),
    (medianOf(summary, ({ allocatedBytes }) => allocatedBytes) / 1_000).toFixed(1),
    Math.round(medianOf(summary, ({ perSecond }) => perSecond)).toLocaleString('en'),
    medianOf(summary, ({ p50Ms }) => p50Ms).toFixed(2),
    medianOf(summary, ({ p99Ms }) => p99Ms).toFixed(2),
  ]);
  return markdownTable(['', 'CPU µs/call', '× the bare one', 'KB/call', 'calls/s', 'p50 ms', 'p99 ms'], rows, 1);
}

/** How many times the CPU of the other one, in each round. */
function cpuRatios({ rounds }: CallSummary, other: CallSummary): number[] {
  return rounds.flatMap(({ cpuMicros }: CallMeasurement, round) => {
    const base = other.rounds[round];
    return base ? [cpuMicros / base.cpuMicros] : [];
  });
}

const BARS = [
  { what: 'everything on ≤ 1.5 × the bare one', own: 'grpc', other: 'bare', max: 1.5 },
  { what: 'no interceptors < grpc-js', own: 'grpc-off', other: 'grpc-js', max: 1 },
];

/** A bar is met when it is met with both methods. */
function judge(side: string, summaries: Summaries): Bar[] {
  return BARS.flatMap(({ what, own, other, max }) => {
    const reached = METHOD_NAMES.map((method) => {
      const find = (wanted: string) => summaries[method].find(({ name }) => name === wanted);
      const [ours, theirs] = [find(own), find(other)];
      return ours && theirs ? figureOf(cpuRatios(ours, theirs)).median : Number.NaN;
    });
    if (reached.some(Number.isNaN)) return [];
    const texts = reached.map((ratio, index) => `${METHOD_NAMES[index]} ${ratio.toFixed(2)}`);
    return [
      { what: `${side}: ${what}, by CPU`, met: reached.every((ratio) => ratio <= max), reached: texts.join(', ') },
    ];
  });
}
