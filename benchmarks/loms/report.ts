import { markdownTable } from 'rpc-kit/markdown-table';
import { type Figure, figureOf, withSpread } from '../harness/figure.ts';
import { type Setting, settingLine } from '../harness/setting.ts';
import { CONTESTANTS, type ContestantName } from './contestant.ts';
import type { Measurement, Measurements } from './measure.ts';
import { SCENARIO_NAMES, SCENARIOS, type ScenarioName } from './scenario.ts';

export interface Results {
  readonly setting: Setting;
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  /** Settings of Postgres that decide how durable a commit is. */
  readonly durability: string;
  readonly measurements: Record<ScenarioName, Partial<Record<ContestantName, readonly Measurement[]>>>;
  readonly leftOut: readonly string[];
}

/** Orders a second as a share of the floor's. */
const RATIO_MIN = 0.5;

export function toRecord(measurements: Measurements): Results['measurements'] {
  return { spread: Object.fromEntries(measurements.spread), hot: Object.fromEntries(measurements.hot) };
}

/** Tables that can be pasted into a README. */
export function toMarkdown(results: Results): string {
  const { rounds, seconds, connections } = results;
  return [
    `Measured ${settingLine(results.setting)}. ${rounds} rounds of ${seconds} s for each, by turns; ${connections} connections; ${results.durability}; medians of the rounds, ratios with their spread.${results.quick ? ' **A quick run: rough figures.**' : ''}`,
    ...measuredIn(results).flatMap((scenario) => [
      `Orders that are made and payed, ${SCENARIOS[scenario]}:`,
      tableOf(results, scenario),
    ]),
    barTable(results),
    results.leftOut.map((line) => `- Left out: ${line}`).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

function tableOf(results: Results, scenario: ScenarioName): string {
  const head = ['driver', 'orders/s', 'p50 ms', 'p99 ms', 'ratio'];
  const cpu = ['own CPU ms/order', 'Postgres CPU ms/order', 'ratio by CPU', 'events behind ms'];
  const rows = namesIn(results, scenario).map((name) => {
    const rounds = results.measurements[scenario][name] ?? [];
    const median = (of: (measurement: Measurement) => number): number => figureOf(rounds.map(of)).median;
    const failures = rounds.reduce((sum, measurement) => sum + measurement.failures, 0);
    return [
      failures === 0 ? CONTESTANTS[name] : `${CONTESTANTS[name]} (${failures} orders failed)`,
      Math.round(median(({ ordersPerSecond }) => ordersPerSecond)).toLocaleString('en'),
      median(({ p50Ms }) => p50Ms).toFixed(1),
      median(({ p99Ms }) => p99Ms).toFixed(1),
      withSpread(ratioOf(results, scenario, name, speed)),
      toMs(median(({ ownMicrosPerOrder }) => ownMicrosPerOrder)),
      toMs(median(({ postgresMicrosPerOrder }) => postgresMicrosPerOrder)),
      withSpread(ratioOf(results, scenario, name, thrift)),
      Math.round(median(({ behindMs }) => behindMs)).toLocaleString('en'),
    ];
  });
  return markdownTable([...head, ...cpu], rows, 1);
}

function speed({ ordersPerSecond }: Measurement): number {
  return ordersPerSecond;
}

/** Orders for a second of CPU time, the driver's and that of Postgres. */
function thrift({ ownMicrosPerOrder, postgresMicrosPerOrder }: Measurement): number {
  return 1_000_000 / (ownMicrosPerOrder + postgresMicrosPerOrder);
}

/** Taken round by round, since the machine changes. */
function ratioOf(
  results: Results,
  scenario: ScenarioName,
  name: ContestantName,
  of: (measurement: Measurement) => number,
): Figure {
  const [baseline] = namesIn(results, scenario);
  const base = baseline ? (results.measurements[scenario][baseline] ?? []) : [];
  const rounds = results.measurements[scenario][name] ?? [];
  return figureOf(
    rounds.flatMap((measurement, round) => {
      const other = base[round];
      return other ? [of(measurement) / of(other)] : [];
    }),
  );
}

function barTable(results: Results): string {
  const [baseline = 'pgbench'] = namesIn(results, 'spread');
  const rows = measuredIn(results).flatMap((scenario) =>
    (['loms', 'loms-pgbouncer'] as const)
      .filter((name) => results.measurements[scenario][name])
      .map((name) => {
        const { median } = ratioOf(results, scenario, name, speed);
        const byCpu = ratioOf(results, scenario, name, thrift).median;
        const what = `${name}, ${scenario}: ≥ ${RATIO_MIN} × ${CONTESTANTS[baseline]}`;
        return [what, median >= RATIO_MIN ? 'yes' : '**no**', `${median.toFixed(2)}; by CPU time ${byCpu.toFixed(2)}`];
      }),
  );
  return markdownTable(['to reach', 'met', 'reached'], rows, 3);
}

function measuredIn(results: Results): ScenarioName[] {
  return SCENARIO_NAMES.filter((scenario) => namesIn(results, scenario).length > 0);
}

function namesIn(results: Results, scenario: ScenarioName): ContestantName[] {
  return (Object.keys(CONTESTANTS) as ContestantName[]).filter((name) => results.measurements[scenario][name]);
}

function toMs(micros: number): string {
  return Number.isNaN(micros) ? '–' : (micros / 1_000).toFixed(2);
}
