import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Database, openDatabase } from 'service-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { cpuOf } from '../harness/cpu-time.ts';
import { type BenchProcess, startProcess } from '../harness/process.ts';
import { startService } from '../harness/service-process.ts';
import { type CapturedWork, captureWork } from './captured-work.ts';
import type { Contestant, ContestantName } from './measure.ts';
import { findPgbench, runPgbench } from './pgbench.ts';
import { type Extent, toScript } from './pgbench-script.ts';
import { supplyText } from './scenario.ts';

export interface FieldOptions {
  /** For logs and scripts. */
  readonly folder: string;
  /** The folder of another checkout: its loms is compared with this one, and nothing else. */
  readonly before?: string | undefined;
  /** For loms. */
  readonly nodeOptions?: readonly string[];
}

export interface Field {
  readonly contestants: readonly Contestant[];
  /** Contestants that do not take part, and why. */
  readonly leftOut: readonly string[];
}

const DRAIN_POLL_MS = 20;
const DRAIN_TIMEOUT_MS = 30_000;
/** The benchmark runs one query at a time. */
const POOL_MAX = 1;

/** Starts all contestants, each on a database with stock for every order. */
export async function openField(stack: AsyncDisposableStack, options: FieldOptions): Promise<Field> {
  if (options.before !== undefined) return { contestants: await openBoth(stack, options), leftOut: [] };
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
  const stocked = await openStockedDatabase(stack);
  if (stocked.url === stocked.directUrl) leftOut.push(NO_PGBOUNCER);
  else contestants.push(await openLoms(stack, notifications, options, { name: 'loms-pgbouncer', stocked }));
  return { contestants, leftOut };
}

async function openBoth(stack: AsyncDisposableStack, options: FieldOptions): Promise<Contestant[]> {
  const notifications = stack.use(startProcess(fileBeside('notifications-server.ts')));
  const before = await openLoms(stack, notifications, options, { name: 'before', project: options.before });
  return [before, await openLoms(stack, notifications, options)];
}

/** Starts only loms, for a profile. */
export async function openLomsAlone(stack: AsyncDisposableStack, options: FieldOptions): Promise<Contestant> {
  const notifications = stack.use(startProcess(fileBeside('notifications-server.ts')));
  return await openLoms(stack, notifications, options);
}

const NO_PGBENCH =
  'pgbench: it is not installed, and PGBENCH is not set (on Debian, the package postgresql has it). The bare pg driver is the baseline instead.';
const NO_PGBOUNCER = 'loms through pgbouncer: it is not installed, or TEST_PGBOUNCER is off.';

interface StockedDatabase extends Pick<TestDatabase, 'url' | 'directUrl'> {
  readonly database: Database;
}

async function openStockedDatabase(stack: AsyncDisposableStack): Promise<StockedDatabase> {
  const { url, directUrl } = stack.use(await createTestDatabase('loms'));
  const database = stack.use(openQuietly(directUrl));
  await database.query(supplyText());
  return { url, directUrl, database };
}

/** Uses a database that is dropped at once, so the captured order is in no contestant's database. */
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
  const { directUrl: url, database } = await openStockedDatabase(stack);
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
    drain: async () => {},
  };
}

async function openPgLoop(stack: AsyncDisposableStack, { calls }: CapturedWork): Promise<Contestant> {
  const { directUrl: url, database } = await openStockedDatabase(stack);
  const loop = stack.use(startProcess(fileBeside('pg-loop.ts')));
  return {
    name: 'pg',
    database,
    run: (scenario, timing) => loop.ask('run', { url, calls, scenario, timing }),
    cpu: () => loop.ask('cpu'),
    drain: async () => {},
  };
}

interface LomsVariant {
  readonly name: ContestantName;
  /** A database to reach through pgbouncer. */
  readonly stocked?: StockedDatabase;
  /** The folder of its checkout; this one by default. */
  readonly project?: string | undefined;
}

async function openLoms(
  stack: AsyncDisposableStack,
  notifications: BenchProcess,
  { folder, nodeOptions = [] }: FieldOptions,
  { name, stocked, project }: LomsVariant = { name: 'loms' },
): Promise<Contestant> {
  const { database, directUrl } = stocked ?? (await openStockedDatabase(stack));
  const load = stack.use(startProcess(fileBeside('load.ts')));
  const loms = stack.use(
    await startService({
      service: 'loms',
      name,
      folder,
      project,
      nodeOptions,
      environment: {
        DATABASE_URL: stocked?.url ?? directUrl,
        NOTIFICATIONS_URL: `http://127.0.0.1:${await notifications.ask<number>('port')}`,
      },
    }),
  );
  return {
    name,
    database,
    run: (scenario, timing) => load.ask('run', { port: loms.port, scenario, timing }),
    cpu: async () => cpuOf(loms.pid),
    drain: () => untilDelivered(database),
  };
}

async function untilDelivered(database: Database): Promise<void> {
  const until = performance.now() + DRAIN_TIMEOUT_MS;
  while ((await database.query('SELECT 1 FROM outbox WHERE delivered_at IS NULL LIMIT 1')).length > 0) {
    if (performance.now() > until)
      throw new Error(`events of orders are undelivered after ${DRAIN_TIMEOUT_MS / 1_000} s`);
    await sleep(DRAIN_POLL_MS);
  }
}

function openQuietly(url: string): Database {
  return openDatabase({ url, poolMax: POOL_MAX, logger: pino({ level: 'silent' }), registry: new Registry() });
}

function fileBeside(name: string): URL {
  return new URL(name, import.meta.url);
}
