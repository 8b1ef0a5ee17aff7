import { markdownTable } from 'rpc-kit/markdown-table';
import { withSpread } from '../harness/figure.ts';
import { barTable, leftOutList, type Results, toReport } from '../harness/report.ts';
import { medianOf, type Summary } from '../harness/rounds.ts';
import { CONTESTANTS, type ContestantName, type OrderMeasurement } from './measure.ts';
import { describeScenario, type ScenarioName } from './scenario.ts';

interface OrderResults extends Results {
  readonly rounds: number;
  readonly seconds: number;
  /** The settings of Postgres that decide how durable a commit is. */
  readonly durability: string;
  readonly scenarios: readonly Scenario[];
  readonly leftOut: readonly string[];
}

interface Scenario {
  readonly name: ScenarioName;
  readonly contestants: readonly Summary<OrderMeasurement>[];
}

/** Orders a second as a share of the baseline's. */
const RATIO_MIN = 0.5;
const JUDGED = ['loms', 'loms-pgbouncer'];

export function toMarkdown(results: OrderResults): string {
  const { rounds, seconds, durability, scenarios, leftOut } = results;
  return toReport(
    results,
    `${rounds} rounds of ${seconds} s for each, by turns; ${durability}; medians of the rounds, ratios with their spread.`,
    [
      ...scenarios.flatMap(({ name, contestants }) => [
        `Orders that are made and paid, ${describeScenario(name)}:`,
        tableOf(contestants),
      ]),
      barTable(scenarios.flatMap(barsOf)),
      leftOutList(leftOut),
    ],
  );
}

function tableOf(contestants: readonly Summary<OrderMeasurement>[]): string {
  const head = ['driver', 'orders/s', 'p50 ms', 'p99 ms', 'ratio'];
  const cpu = ['own CPU ms/order', 'Postgres CPU ms/order', 'ratio by CPU', 'events behind ms'];
  const rows = contestants.map((summary) => [
    summary.failures === 0 ? titleOf(summary) : `${titleOf(summary)} (${summary.failures} orders failed)`,
    Math.round(medianOf(summary, ({ perSecond }) => perSecond)).toLocaleString('en'),
    medianOf(summary, ({ p50Ms }) => p50Ms).toFixed(1),
    medianOf(summary, ({ p99Ms }) => p99Ms).toFixed(1),
    withSpread(summary.ratio),
    toMs(medianOf(summary, ({ cpuMicros }) => cpuMicros)),
    toMs(medianOf(summary, ({ postgresMicros }) => postgresMicros)),
    withSpread(summary.cpuRatio),
    Math.round(medianOf(summary, ({ behindMs }) => behindMs)).toLocaleString('en'),
  ]);
  return markdownTable([...head, ...cpu], rows, 1);
}

function barsOf({ name, contestants }: Scenario) {
  const [baseline] = contestants;
  return contestants
    .filter((summary) => JUDGED.includes(summary.name))
    .map(({ name: judged, ratio, cpuRatio }) => ({
      what: `${judged}, ${name}: ≥ ${RATIO_MIN} × ${baseline && titleOf(baseline)}`,
      met: ratio.median >= RATIO_MIN,
      reached: `${ratio.median.toFixed(2)}; by CPU time ${cpuRatio.median.toFixed(2)}`,
    }));
}

function titleOf({ name }: Summary<OrderMeasurement>): string {
  return CONTESTANTS[name as ContestantName];
}

function toMs(micros: number): string {
  return Number.isNaN(micros) ? '–' : (micros / 1_000).toFixed(2);
}
