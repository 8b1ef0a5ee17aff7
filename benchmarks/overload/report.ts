import { markdownTable } from 'rpc-kit/markdown-table';
import { type Figure, figureOf, withSpread } from '../harness/figure.ts';
import { type Bar, barTable, type Results, toReport } from '../harness/report.ts';
import type { Face } from './calls.ts';
import { callsPerSecond, FACTORS, type Factor, type Load, NEWCOMERS, type Run } from './measure.ts';
import type { RefusalCost } from './refusal-cost.ts';

interface OverloadResults extends Results {
  readonly face: Face;
  readonly clients: number;
  readonly pinned: boolean;
  readonly runs: readonly Run[];
  readonly refusalCost: RefusalCost;
}

/** The orders' goodput as a share of the capacity, in the worst run. */
const GOODPUT_MIN: Partial<Record<Factor, number>> = { 2: 0.95, 5: 0.85, 10: 0.75 };
const P99_MAX_MS = 1_000;
const REFUSAL_SHARE_MAX = 0.025;
const FOUND_MAX_MS = 500;
const BACK_MAX_MS = 5_000;

export function toMarkdown(results: OverloadResults): string {
  const { face, clients, pinned, runs, refusalCost } = results;
  const method = [
    `${runs.length} runs, each with a new process of loms`,
    face === 'rpc' ? 'all calls on /rpc' : 'each method at its own address',
    `capacity with ${clients} clients in a closed loop`,
    pinned ? 'loms and Postgres on one core, their callers on another' : '**not pinned to cores**',
    'medians of the runs, with the least and the greatest.',
  ];
  return toReport(results, method.join('; '), [
    curveOf(runs),
    singlesOf(runs, refusalCost),
    barTable(barsOf(runs, refusalCost)),
  ]);
}

/** One run in a line of text. */
export function lineOf(run: Run): string {
  const orders = FACTORS.map((factor) => `${factor}x ${goodput(run, factor).toFixed(2)}`);
  return `${Math.round(callsPerSecond(run.capacity))} calls/s, orders ${orders.join(' ')}, limit found in ${run.foundMs} ms, back in ${run.backMs} ms`;
}

function curveOf(runs: readonly Run[]): string {
  const counts = ['refused/s', 'late/s', 'failed/s', 'unsent/s', 'p50 ms', 'p99 ms'];
  const head = ['offered', 'orders', 'orders by CPU', 'all calls', 'stocks', ...counts];
  const rows = FACTORS.map((factor) => {
    const of = (value: (load: Load) => number): Figure => figureOf(runs.map((run) => value(loadAt(run, factor))));
    const ratio = (value: (load: Load) => number): string =>
      withSpread(figureOf(runs.map((run) => value(loadAt(run, factor)) / value(run.capacity))));
    return [
      `${factor} ×`,
      ratio(({ orders, seconds }) => orders / seconds),
      ratio((load) => load.orders / cpuOf(load)),
      ratio(callsPerSecond),
      ratio(({ stocks, seconds }) => stocks / seconds),
      ...[of(({ refused, seconds }) => refused / seconds), of(({ late, seconds }) => late / seconds)].map(whole),
      ...[of(({ failed, seconds }) => failed / seconds), of(({ unsent, seconds }) => unsent / seconds)].map(whole),
      ...[of(({ p50Ms }) => p50Ms), of(({ p99Ms }) => p99Ms)].map(whole),
    ];
  });
  return `Calls that are answered ok within their timeout, as a share of the capacity:\n\n${markdownTable(head, rows, 1)}`;
}

function singlesOf(runs: readonly Run[], cost: RefusalCost): string {
  const of = (value: (run: Run) => number): Figure => figureOf(runs.map(value));
  const rows = [
    ['capacity, calls/s', whole(of(({ capacity }) => callsPerSecond(capacity)))],
    ['CPU of a served call in loms, µs', whole(of(({ capacity }) => capacity.lomsMicros / served(capacity)))],
    ['CPU of a served call in Postgres, µs', whole(of(({ capacity }) => capacity.postgresMicros / served(capacity)))],
    ['CPU of a refusal, µs', withSpread(figureOf(cost.refusing))],
    ['of bare node:http that answers the same bytes, µs', withSpread(figureOf(cost.bare))],
    ['of node:net that answers the same bytes, µs', withSpread(figureOf(cost.tcp))],
    ['a refusal, of a served call, %', withSpread(of((run) => shareOfCall(run, cost.refusing) * 100))],
    ['bare node:http, of a served call, %', withSpread(of((run) => shareOfCall(run, cost.bare) * 100))],
    ['node:net, of a served call, %', withSpread(of((run) => shareOfCall(run, cost.tcp) * 100))],
    ['a fresh process finds its limit, ms', whole(of(({ foundMs }) => foundMs))],
    ['its p99, ms', whole(of(({ fresh }) => fresh.p99Ms))],
    [
      `${NEWCOMERS} callers that connect at once at 10 ×: the last is answered, ms`,
      whole(of(({ newcomersMs }) => newcomersMs)),
    ],
    ['back to .95 after the overload, ms', whole(of(({ backMs }) => backMs))],
  ];
  return markdownTable(['', 'median (least–greatest)'], rows, 1);
}

function barsOf(runs: readonly Run[], cost: RefusalCost): Bar[] {
  const greatest = (value: (run: Run) => number): number => Math.max(...runs.map(value));
  const goodputs = FACTORS.flatMap((factor): Bar[] => {
    const min = GOODPUT_MIN[factor];
    if (min === undefined) return [];
    const least = Math.min(...runs.map((run) => goodput(run, factor)));
    return [{ what: `orders at ${factor} ×: ≥ ${min} in every run`, met: least >= min, reached: least.toFixed(2) }];
  });
  const atMost = (what: string, max: number, reached: number, unit: string): Bar => ({
    what: `${what}: ≤ ${max} ${unit}`,
    met: reached <= max,
    reached: reached.toFixed(unit === '%' ? 1 : 0),
  });
  return [
    ...goodputs,
    atMost('p99 of accepted calls', P99_MAX_MS, greatest(p99Of), 'ms'),
    atMost(
      'a refusal, of a served call',
      REFUSAL_SHARE_MAX * 100,
      greatest((run) => shareOfCall(run, cost.refusing)) * 100,
      '%',
    ),
    atMost(
      'a fresh process finds its limit',
      FOUND_MAX_MS,
      greatest(({ foundMs }) => foundMs),
      'ms',
    ),
    atMost(
      'back to .95',
      BACK_MAX_MS,
      greatest(({ backMs }) => backMs),
      'ms',
    ),
  ];
}

const served = ({ orders, stocks }: Load): number => orders + stocks;
const cpuOf = ({ lomsMicros, postgresMicros }: Load): number => lomsMicros + postgresMicros;
const whole = ({ median, min, max }: Figure): string => `${Math.round(median)} (${Math.round(min)}–${Math.round(max)})`;

function p99Of({ loads }: Run): number {
  return Math.max(...loads.map(({ load }) => load.p99Ms));
}

function loadAt({ loads }: Run, wanted: Factor): Load {
  return loads.find(({ factor }) => factor === wanted)?.load as Load;
}

function goodput(run: Run, factor: Factor): number {
  const { orders, seconds } = loadAt(run, factor);
  return orders / seconds / (run.capacity.orders / run.capacity.seconds);
}

function shareOfCall({ capacity }: Run, micros: readonly number[]): number {
  return (figureOf(micros).median * served(capacity)) / cpuOf(capacity);
}
