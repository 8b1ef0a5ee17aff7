import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Database, openDatabase } from 'service-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { type BenchProcess, startProcess } from '../harness/process.ts';
import { startService } from '../harness/service-process.ts';
import { type CapturedWork, captureWork } from './captured-work.ts';
import type { Contestant } from './contestant.ts';
import { cpuOf } from './cpu-time.ts';
import { findPgbench, runPgbench } from './pgbench.ts';
import { type Extent, toScript } from './pgbench-script.ts';
import { supplyText } from './scenario.ts';

export interface FieldOptions {
  readonly connections: number;
  /** For logs and scripts. */
  readonly folder: string;
  /** For loms. */
  readonly nodeOptions?: readonly string[];
}

export interface Field {
  readonly contestants: readonly Contestant[];
  /** Who does not take part, and why. */
  readonly leftOut: readonly string[];
}

const SETTLE_POLL_MS = 20;
const SETTLE_TIMEOUT_MS = 30_000;
/** Postgres is looked at by one question at a time. */
const POOL_MAX = 1;

/** Everything that takes part, running, on databases with full shelves. */
export async function openField(stack: AsyncDisposableStack, options: FieldOptions): Promise<Field> {
  const work = await capture();
  const contestants: Contestant[] = [];
  const leftOut: string[] = [];
  const program = findPgbench();
  if (program === undefined) leftOut.push(NO_PGBENCH);
  else {
    contestants.push(await openPgbench(stack, program, work, 'calls', options));
    contestants.push(await openPgbench(stack, program, work, 'everything', options));
  }
  contestants.push(await openPgLoop(stack, work));
  const notifications = stack.use(startProcess(fileBeside('notifications-server.ts')));
  contestants.push(await openLoms(stack, notifications, options));
  const shelves = await openShelves(stack);
  if (shelves.url === shelves.directUrl) leftOut.push(NO_PGBOUNCER);
  else contestants.push(await openLoms(stack, notifications, options, shelves));
  return { contestants, leftOut };
}

/** loms and nobody else, to be profiled. */
export async function openLomsAlone(stack: AsyncDisposableStack, options: FieldOptions): Promise<Contestant> {
  const notifications = stack.use(startProcess(fileBeside('notifications-server.ts')));
  return await openLoms(stack, notifications, options);
}

const NO_PGBENCH =
  'pgbench: it is not installed, and PGBENCH names none (on Debian it comes with the package postgresql). The bare pg driver is the baseline instead.';
const NO_PGBOUNCER = 'loms through pgbouncer: it is not installed, or TEST_PGBOUNCER is off.';

interface Shelves extends Pick<TestDatabase, 'url' | 'directUrl'> {
  readonly database: Database;
}

async function openShelves(stack: AsyncDisposableStack): Promise<Shelves> {
  const { url, directUrl } = stack.use(await createTestDatabase('loms'));
  const database = stack.use(openQuietly(directUrl));
  await database.query(supplyText());
  return { url, directUrl, database };
}

/** From a database that is dropped at once, so that it does not count as anybody's order. */
async function capture(): Promise<CapturedWork> {
  await using database = await createTestDatabase('loms');
  return await captureWork(database.directUrl);
}

async function openPgbench(
  stack: AsyncDisposableStack,
  program: string,
  work: CapturedWork,
  extent: Extent,
  { folder }: FieldOptions,
): Promise<Contestant> {
  const { directUrl: url, database } = await openShelves(stack);
  let cpuMicros = 0;
  return {
    name: extent === 'calls' ? 'pgbench' : 'pgbench-all',
    database,
    async run(scenario, { concurrency: connections, measureMs }) {
      const script = toScript(work, scenario, extent);
      const seconds = Math.round(measureMs / 1_000);
      const sample = await runPgbench({ program, url, script, connections, seconds, folder });
      cpuMicros += sample.cpuMicros;
      return sample;
    },
    cpu: async () => cpuMicros,
    settle: async () => {},
  };
}

async function openPgLoop(stack: AsyncDisposableStack, { calls }: CapturedWork): Promise<Contestant> {
  const { directUrl: url, database } = await openShelves(stack);
  const loop = stack.use(startProcess(fileBeside('pg-loop.ts')));
  return {
    name: 'pg',
    database,
    run: (scenario, timing) => loop.ask('run', { url, calls, scenario, timing }),
    cpu: () => loop.ask('cpu'),
    settle: async () => {},
  };
}

/** @param shelves to be reached through pgbouncer */
async function openLoms(
  stack: AsyncDisposableStack,
  notifications: BenchProcess,
  { folder, connections, nodeOptions = [] }: FieldOptions,
  shelves?: Shelves,
): Promise<Contestant> {
  const { database, directUrl } = shelves ?? (await openShelves(stack));
  const name = shelves ? 'loms-pgbouncer' : 'loms';
  const load = stack.use(startProcess(fileBeside('load.ts')));
  const loms = stack.use(
    await startService({
      service: 'loms',
      name,
      folder,
      nodeOptions,
      environment: {
        DATABASE_URL: shelves?.url ?? directUrl,
        DATABASE_POOL_MAX: String(connections),
        NOTIFICATIONS_URL: `http://127.0.0.1:${await notifications.ask<number>('port')}`,
      },
    }),
  );
  return {
    name,
    database,
    run: (scenario, timing) => load.ask('run', { port: loms.port, scenario, timing }),
    cpu: async () => cpuOf(loms.pid),
    settle: () => untilDelivered(database),
  };
}

async function untilDelivered(database: Database): Promise<void> {
  const until = performance.now() + SETTLE_TIMEOUT_MS;
  while ((await database.query('SELECT 1 FROM outbox WHERE delivered_at IS NULL LIMIT 1')).length > 0) {
    if (performance.now() > until) throw new Error(`events were left after ${SETTLE_TIMEOUT_MS / 1_000} s`);
    await sleep(SETTLE_POLL_MS);
  }
}

function openQuietly(url: string): Database {
  return openDatabase({ url, poolMax: POOL_MAX, logger: pino({ level: 'silent' }), registry: new Registry() });
}

function fileBeside(name: string): URL {
  return new URL(name, import.meta.url);
}
