import { type Figure, figureOf } from '../harness/figure.ts';
import type { Bar } from '../harness/report.ts';
import { SERVERS, type ServerContender } from './contenders.ts';
import type { CallMeasurement, CallSummary, Summaries } from './measure-field.ts';
import { METHOD_NAMES } from './work.ts';

export interface MeasuredFields {
  readonly servers: Summaries;
  readonly batches: Summaries;
  readonly clients: Summaries;
}

/** How many times as well the first did as the second, in one round. */
type Compare = (own: CallMeasurement, other: CallMeasurement) => number;

const byCpu: Compare = (own, other) => other.cpuMicros / own.cpuMicros;
const byCalls: Compare = (own, other) => own.perSecond / other.perSecond;
const byCpuSpent: Compare = (own, other) => own.cpuMicros / other.cpuMicros;

/** rpc-kit's own bars. A bar is met when it is met with both methods. */
export function judge({ servers, batches, clients }: MeasuredFields): Bar[] {
  const { atLeast: server } = duelsOf(servers);
  const { atMost: batch } = duelsOf(batches);
  const { atLeast: client } = duelsOf(clients);
  return [
    ...server('server, plain face ≥ 0.78 × bare node:http by CPU', 'plain', 'node', byCpu, 0.78),
    ...server('server, `/rpc` ≥ 0.75 × bare node:http by CPU', 'rpc', 'node', byCpu, 0.75),
    ...server(
      'server, plain face ≥ 1.15 × Fastify with the same things on, by CPU',
      'plain',
      'fastify-same',
      byCpu,
      1.15,
    ),
    ...server('server, `/rpc` ≥ 1.15 × Fastify with the same things on, by CPU', 'rpc', 'fastify-same', byCpu, 1.15),
    ...aheadOfValidating(servers, 'plain'),
    ...batch("batches of 50 ≤ 3 × the CPU of jayson's HTTP server", 'rpc-batch', 'jayson-batch', byCpuSpent, 3),
    ...client('client, single calls on `/rpc` ≥ 0.85 × bare undici by CPU', 'client-rpc', 'undici', byCpu, 0.85),
    ...client(
      'client, single calls on the plain face ≥ 0.85 × bare undici by CPU',
      'client-plain',
      'undici',
      byCpu,
      0.85,
    ),
    ...client('client, micro-batched ≥ 4 × bare undici by CPU', 'client-batched', 'undici', byCpu, 4),
    ...client('client, micro-batched ≥ 4 × bare undici by calls a second', 'client-batched', 'undici', byCalls, 4),
  ];
}

/** Compares two contenders of a field round by round; no bar where one of them was not measured. */
function duelsOf(summaries: Summaries) {
  const bar =
    (isMet: (median: number, bar: number) => boolean) =>
    (what: string, name: string, other: string, compare: Compare, limit: number): Bar[] => {
      const duels = METHOD_NAMES.map((method) => duel(summaries[method], name, other, compare));
      if (duels.some((figure) => figure === undefined)) return [];
      const medians = duels.map((figure) => figure?.median ?? Number.NaN);
      const reached = METHOD_NAMES.map((method, index) => `${method} ${medians[index]?.toFixed(2)}`).join(', ');
      return [{ what, met: medians.every((median) => isMet(median, limit)), reached }];
    };
  return { atLeast: bar((median, limit) => median >= limit), atMost: bar((median, limit) => median <= limit) };
}

function duel(summaries: readonly CallSummary[], name: string, other: string, compare: Compare): Figure | undefined {
  const [own, theirs] = [name, other].map((wanted) => summaries.find((summary) => summary.name === wanted));
  if (!own || !theirs) return undefined;
  return figureOf(
    own.rounds.flatMap((measurement, round) => {
      const against = theirs.rounds[round];
      return against ? [compare(measurement, against)] : [];
    }),
  );
}

/** The plain face, since all these speak plain JSON over HTTP, or a protocol of their own. */
function aheadOfValidating(summaries: Summaries, name: string): Bar[] {
  const validating = (SERVERS as readonly ServerContender[])
    .filter(({ ours, validates }) => !ours && validates === 'params, result')
    .map((contender) => contender.name);
  const best = METHOD_NAMES.flatMap((method) => {
    const [first] = summaries[method]
      .filter((summary) => validating.includes(summary.name))
      .toSorted((a, b) => b.cpuRatio.median - a.cpuRatio.median);
    const own = summaries[method].find((summary) => summary.name === name);
    return first && own ? [{ method, own, first }] : [];
  });
  if (best.length < METHOD_NAMES.length) return [];
  const reached = best.map(
    ({ method, own, first }) =>
      `${method} ${own.cpuRatio.median.toFixed(2)}, best peer ${first.name} ${first.cpuRatio.median.toFixed(2)}`,
  );
  return [
    {
      what: 'server, plain face ahead of every framework that checks results too, by CPU',
      met: best.every(({ own, first }) => own.cpuRatio.median > first.cpuRatio.median),
      reached: reached.join('; '),
    },
  ];
}
