import type { Database } from 'service-kit';
import type { Sample, Timing } from '../harness/closed-loop.ts';
import { cpuOfPostgres, postmasterOf } from '../harness/cpu-time.ts';
import { type Measurement, measureRun } from '../harness/rounds.ts';
import { SCENARIOS, type ScenarioName } from './scenario.ts';

/** Makes and pays orders in its own database on the one Postgres. */
export interface Contestant {
  readonly name: ContestantName;
  readonly database: Database;
  run(scenario: ScenarioName, timing: Timing): Promise<Sample>;
  /** Microseconds of CPU time that it has used, without Postgres; NaN where that is unknown. */
  cpu(): Promise<number>;
  /** Waits until the background work for its orders is done. */
  drain(): Promise<void>;
}

/** The first one that takes part is the baseline. */
export const CONTESTANTS = {
  pgbench: 'pgbench, the SQL of the calls',
  'pgbench-all': 'pgbench, also the SQL of delivery and journal',
  before: 'loms before',
  pg: 'bare pg driver in Node, the SQL of the calls',
  loms: '**loms, to Postgres directly**',
  'loms-pgbouncer': '**loms, through pgbouncer, as in the mesh**',
} as const;

export type ContestantName = keyof typeof CONTESTANTS;

/** A call is an order that is made and paid. */
export interface OrderMeasurement extends Measurement {
  /** With the background work after the last order. */
  readonly postgresMicros: number;
  /** How long that background work took. */
  readonly behindMs: number;
}

export async function measureOrders(
  contestant: Contestant,
  run: () => Promise<Sample>,
  postgresCpu: () => number,
): Promise<OrderMeasurement> {
  const postgresBefore = postgresCpu();
  let [behindMs, orders] = [0, 0];
  const measurement = await measureRun(async () => {
    const sample = await run();
    const endedAt = performance.now();
    await contestant.drain();
    behindMs = performance.now() - endedAt;
    orders = sample.callsAll;
    return sample;
  }, contestant.cpu);
  return { ...measurement, postgresMicros: (postgresCpu() - postgresBefore) / orders, behindMs };
}

/** @returns microseconds of CPU time of the whole Postgres, at each call */
export async function watchPostgres([first]: readonly Contestant[]): Promise<() => number> {
  const [row] = (await first?.database.query('SELECT pg_backend_pid() AS pid')) ?? [];
  // Read now: the backend of this connection may have exited later.
  const postmaster = postmasterOf(Number(row?.pid));
  return () => cpuOfPostgres(postmaster);
}

export function timingOf(scenario: ScenarioName, seconds: number): Timing {
  return { concurrency: SCENARIOS[scenario].clients, warmUpMs: 0, measureMs: seconds * 1_000 };
}
