import type { Database } from 'service-kit';
import type { Sample, Timing } from '../harness/closed-loop.ts';
import type { ScenarioName } from './scenario.ts';

/** The first that takes part is what the others are measured by. */
export const CONTESTANTS = {
  pgbench: 'pgbench, the SQL of the calls',
  'pgbench-all': 'pgbench, also the SQL of delivery and journal',
  pg: 'bare pg driver in Node, the SQL of the calls',
  loms: '**loms, to Postgres directly**',
  'loms-pgbouncer': '**loms, through pgbouncer, as in the mesh**',
} as const;

export type ContestantName = keyof typeof CONTESTANTS;

/** Whoever makes and pays orders, each in a database of its own on the one Postgres. */
export interface Contestant {
  readonly name: ContestantName;
  readonly database: Database;
  run(scenario: ScenarioName, timing: Timing): Promise<Sample>;
  /** Microseconds of CPU that it has used so far, without Postgres; NaN where that is not known. */
  cpu(): Promise<number>;
  /** Waits until nothing of its orders is left to do in the background. */
  settle(): Promise<void>;
}
