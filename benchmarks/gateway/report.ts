import { markdownTable } from 'rpc-kit/markdown-table';
import { type Figure, figureOf, withSpread } from '../harness/figure.ts';
import { leftOutList, type Results, toReport } from '../harness/report.ts';
import { type Measurement, type Measurements, medianOf, type Summary, summarize } from '../harness/rounds.ts';
import type { Cost } from './cost.ts';
import type { Flood } from './login-flood.ts';
import { DIRECT, ROUTE_NAMES, ROUTES, type RouteName } from './routes.ts';

export interface GatewayResults extends Results {
  readonly rounds: number;
  readonly seconds: number;
  readonly concurrency: number;
  readonly routes: Readonly<Record<RouteName, readonly Rival[]>>;
  readonly accessTokens: readonly Cost[];
  readonly serviceTokens: readonly Cost[];
  readonly flood: Flood;
  readonly leftOut: readonly string[];
}

/** A summary against Fastify alone, and the same against the direct call. */
export interface Rival extends Summary {
  readonly ofDirect: Figure;
}

const DIRECT_CALL = 'the direct call';

export function summarizeRoutes(measurements: Measurements<RouteName>): GatewayResults['routes'] {
  const entries = ROUTE_NAMES.map((route) => {
    const direct = measurements.get(DIRECT_CALL)?.[route];
    const rivals = summarize(measurements, route).map((summary) => ({
      ...summary,
      ofDirect: figureOf(
        summary.rounds.map(({ perSecond }, round) => perSecond / (direct?.[round]?.perSecond ?? Number.NaN)),
      ),
    }));
    return [route, rivals];
  });
  return Object.fromEntries(entries);
}

export function toMarkdown(results: GatewayResults): string {
  const { rounds, seconds, concurrency, routes, accessTokens, serviceTokens, flood, leftOut } = results;
  const method = `${rounds} rounds of ${seconds} s for each, by turns; ${concurrency} connections; the whole mesh on this machine; medians of the rounds, ratios with their spread.`;
  return toReport(results, method, [
    ...ROUTE_NAMES.flatMap((route) => [
      `\`${ROUTES[route]}\`; directly \`${DIRECT[route]}\`:`,
      routeTable(routes[route]),
    ]),
    'Verification of an access token, in one process:',
    costTable(accessTokens, 'of the signature alone'),
    'A call without a network, by the service token that it carries, in one process:',
    costTable(serviceTokens, 'of ACCESS=open'),
    'Other routes while accounts hashes at its limit, one request at a time:',
    floodTable(flood),
    `In a second of the flood: ${Object.entries(flood.answered)
      .map(([status, count]) => `${count.toFixed(0)} logins answered ${status}`)
      .join(', ')}.`,
    leftOutList(leftOut),
  ]);
}

function routeTable(rivals: readonly Rival[]): string {
  const head = ['', 'requests/s', 'of Fastify alone', 'of the direct call', 'p50 ms', 'p99 ms', 'own CPU µs', 'by CPU'];
  const rows = rivals.map((rival) => [
    failedToo(rival),
    perSecondOf(rival),
    withSpread(rival.ratio),
    withSpread(rival.ofDirect),
    medianOf(rival, ({ p50Ms }) => p50Ms).toFixed(2),
    medianOf(rival, ({ p99Ms }) => p99Ms).toFixed(1),
    cpuOf(rival),
    withSpread(rival.cpuRatio),
  ]);
  return markdownTable(head, rows, 1);
}

function costTable(costs: readonly Cost[], ratio: string): string {
  const rows = costs.map((cost) => [cost.name, cost.micros.median.toFixed(1), withSpread(cost.ratio)]);
  return markdownTable(['', 'CPU µs', ratio], rows, 1);
}

function floodTable({ routes }: Flood): string {
  const head = ['route', 'p50 ms alone', 'p50 ms flooded', 'p99 ms alone', 'p99 ms flooded', 'p99 flooded of alone'];
  const rows = routes.map(({ name, failures, ...route }) => [
    failures === 0 ? name : `${name} (${failures} failed)`,
    ...[route.aloneP50Ms, route.floodedP50Ms, route.aloneP99Ms, route.floodedP99Ms].map(({ median }) =>
      median.toFixed(1),
    ),
    withSpread(route.p99Ratio),
  ]);
  return markdownTable(head, rows, 1);
}

const failedToo = ({ name, failures }: Summary): string => (failures === 0 ? name : `${name} (${failures} failed)`);
const perSecondOf = (summary: Summary): string =>
  Math.round(medianOf(summary, ({ perSecond }) => perSecond)).toLocaleString('en');
const cpuOf = (summary: Summary<Measurement>): string => medianOf(summary, ({ cpuMicros }) => cpuMicros).toFixed(0);
