import { markdownTable } from 'rpc-kit/markdown-table';
import { type Bar, barTable, type Results, toReport } from '../harness/report.ts';
import { isBystander, totalOf } from './cpu.ts';
import type { IdleFigures } from './idle.ts';
import type { Allocation, Cost, WayFigures } from './measure.ts';

interface SustainedResults extends Results {
  /** Of the mesh that was measured. */
  readonly commit: string;
  readonly clients: number;
  readonly seconds: number;
  readonly ways: readonly WayFigures[];
}

interface IdleResults extends Results {
  readonly commit: string;
  readonly ways: readonly IdleFigures[];
}

/** Orders that were offered and paid: refusing orders must not be a way to keep up with events. */
const PAID_MIN = 0.98;
const DELIVERED_MIN = 0.98;
const BACKLOG_SECONDS_MAX = 5;
const LAG_P99_MAX_MS = 2_000;
const EVENT_MICROS_MAX = 400;
const IDLE_PERCENT_MAX = 2;

export function toMarkdown(results: SustainedResults): string {
  const { commit, clients, seconds, ways } = results;
  return toReport(
    results,
    `Commit ${commit}. Closed loop with ${clients} clients, then an open loop for ${seconds} s.`,
    ways.flatMap((figures) => [
      `### ${TITLES[figures.way]}`,
      summaryOf(figures),
      `Backlog in events at the end of each tenth of the time: ${figures.events.backlogs.join(', ')}.`,
      costTable(figures.costs),
      allocationTable(figures.allocations),
      barTable(barsOf(figures)),
    ]),
  );
}

const TITLES = { rpc: 'Events by RPC', kafka: 'Events through Kafka' } as const;

function summaryOf({ capacity, offeredPerSecond, orders, events, drainedPerSecond }: WayFigures): string {
  const seconds = (orders.to - orders.from) / 1_000;
  const head = ['what', 'figure'];
  return markdownTable(
    head,
    [
      [
        '**orders a second whose events were delivered meanwhile**',
        (events.delivered / EVENTS_PER_ORDER / seconds).toFixed(0),
      ],
      ['orders a second that the closed loop made and paid', capacity.toFixed(0)],
      ['orders a second offered', offeredPerSecond.toFixed(0)],
      [
        'orders offered, paid, failed, never started',
        [orders.offered, orders.succeeded, orders.failed, orders.dropped].join(', '),
      ],
      ...failureRows(orders.failures),
      [
        'ms of an order from when it was due until it was paid: p50, p95, p99, greatest',
        [orders.p50Ms, orders.p95Ms, orders.p99Ms, orders.maxMs].map(toWhole).join(', '),
      ],
      ['events made, delivered meanwhile', [events.made, events.delivered].join(', ')],
      [
        'backlog, greatest: events, seconds of events',
        `${events.backlogMax}, ${backlogSeconds(events, seconds).toFixed(1)}`,
      ],
      [
        'ms of an event from its change to the journal: p50, p99, greatest',
        [events.lagP50Ms, events.lagP99Ms, events.lagMaxMs].map(toWhole).join(', '),
      ],
      ['events a second from the backlog, while no orders are made', toWhole(drainedPerSecond)],
    ],
    1,
  );
}

function failureRows(failures: Readonly<Record<string, number>>): string[][] {
  const counts = Object.entries(failures).map(([code, count]) => `${code} ${count}`);
  return counts.length === 0 ? [] : [['orders failed, by code', counts.join(', ')]];
}

/** An order that is made and paid has three events: new, awaiting payment, paid. */
const EVENTS_PER_ORDER = 3;

function backlogSeconds({ backlogMax, made }: WayFigures['events'], seconds: number): number {
  return backlogMax / (made / seconds);
}

function costTable(costs: readonly Cost[]): string {
  const head = ['CPU in ms', 'order with its events', 'order', 'event', 'event from a backlog'];
  const toRow = (name: string, cost: Omit<Cost, 'process'>) => [
    name,
    ...[cost.bothMicros, cost.orderMicros].map((micros) => (micros / 1_000).toFixed(2)),
    ...[cost.eventMicros, cost.backlogEventMicros].map((micros) => (micros / 1_000).toFixed(3)),
  ];
  return markdownTable(
    head,
    [
      ...costs.filter(({ process }) => !isBystander(process)).map((cost) => toRow(cost.process, cost)),
      toRow(
        'the other services, their pgbouncers and Postgres',
        addCosts(costs.filter(({ process }) => isBystander(process))),
      ),
      toRow('**all**', addCosts(costs)),
    ],
    1,
  );
}

function allocationTable(allocations: readonly Allocation[]): string {
  if (allocations.length === 0) return '';
  const rows = allocations.map(({ service, bytesPerOrder }) => [service, (bytesPerOrder / 1_000).toFixed(1)]);
  return markdownTable(['process', 'kB allocated for an order with its events'], rows, 1);
}

function addCosts(costs: readonly Cost[]): Omit<Cost, 'process'> {
  const sum = (of: (cost: Cost) => number): number => costs.reduce((total, cost) => total + of(cost), 0);
  return {
    bothMicros: sum(({ bothMicros }) => bothMicros),
    orderMicros: sum(({ orderMicros }) => orderMicros),
    eventMicros: sum(({ eventMicros }) => eventMicros),
    backlogEventMicros: sum(({ backlogEventMicros }) => backlogEventMicros),
  };
}

export function barsOf({ orders, events, costs }: WayFigures): Bar[] {
  const seconds = (orders.to - orders.from) / 1_000;
  const paid = orders.succeeded / orders.offered;
  const delivered = events.delivered / events.made;
  const backlog = backlogSeconds(events, seconds);
  const { eventMicros } = addCosts(costs);
  return [
    { what: `paid ≥ ${PAID_MIN} of the orders offered`, met: paid >= PAID_MIN, reached: paid.toFixed(3) },
    {
      what: `delivered ≥ ${DELIVERED_MIN} of the events made`,
      met: delivered >= DELIVERED_MIN,
      reached: delivered.toFixed(3),
    },
    {
      what: `backlog ≤ ${BACKLOG_SECONDS_MAX} s of events`,
      met: backlog <= BACKLOG_SECONDS_MAX,
      reached: `${backlog.toFixed(1)} s`,
    },
    {
      what: `p99 from the change to the journal < ${LAG_P99_MAX_MS / 1_000} s`,
      met: events.lagP99Ms < LAG_P99_MAX_MS && events.missing === 0,
      reached: `${toWhole(events.lagP99Ms)} ms${events.missing > 0 ? `, and ${events.missing} events are missing` : ''}`,
    },
    {
      what: `CPU of an event in all ≤ ${EVENT_MICROS_MAX / 1_000} ms`,
      met: eventMicros <= EVENT_MICROS_MAX,
      reached: `${(eventMicros / 1_000).toFixed(2)} ms`,
    },
  ];
}

export function toIdleMarkdown({ ways, ...results }: IdleResults): string {
  return toReport(
    results,
    `Commit ${results.commit}. A mesh that nobody calls.`,
    ways.flatMap((idle) => [
      `### ${TITLES[idle.way]}, for ${Math.round(idle.seconds)} s`,
      idleTable(idle),
      barTable([idleBar(idle)]),
    ]),
  );
}

function idleTable({ seconds, cpu }: IdleFigures): string {
  const toPercent = (micros: number): string => (micros / seconds / 10_000).toFixed(2);
  const rows = [...cpu].map(([name, micros]) => [name, toPercent(micros)]);
  const all = totalOf(cpu);
  const sums = [
    ['**all**', toPercent(all)],
    ['all but Kafka', toPercent(all - (cpu.get('Kafka') ?? 0))],
  ];
  return markdownTable(['process', '% of a core'], [...rows, ...sums], 1);
}

export function idleBar({ seconds, cpu }: IdleFigures): Bar {
  const percent = totalOf(cpu) / seconds / 10_000;
  return {
    what: `everything together ≤ ${IDLE_PERCENT_MAX} % of a core`,
    met: percent <= IDLE_PERCENT_MAX,
    reached: `${percent.toFixed(2)} %`,
  };
}

function toWhole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
