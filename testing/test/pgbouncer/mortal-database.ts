import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { pickFreePorts } from 'mesh';
import { createSecrets, openRunRecord, stampProcess, waitForEnd } from 'mesh/mesh-folder';
import {
  databaseUrl,
  findPostgresBinaries,
  findPostgresUser,
  postgresSettings,
  prepareDatabases,
  preparePgbouncer,
  superuserUrl,
  superviseDatabase,
} from 'mesh/postgres';
import { migrationsDirectory } from 'mesh/run';
import { openLogFile } from 'mesh/supervisor';
import { migrateUp } from 'service-kit/migrations';
import { withSuperuser } from 'service-kit/provision';
import { createPart, readTestFolder } from '../../src/test-folder.ts';
import { spawnPgbouncer } from './spawn-pgbouncer.ts';

const CONNECTIONS_MAX = 60;
/** A limit against hanging: a killed process ends at once. */
const END_TIMEOUT_MS = 20_000;

/** A Postgres or a pgbouncer. */
export interface Mortal {
  /** Kills it and waits until it has ended. */
  kill(): Promise<void>;
  startAgain(): Promise<void>;
}

/** The database of loms on a Postgres and behind a pgbouncer that a test may kill. */
export interface MortalDatabase extends AsyncDisposable {
  /** As loms connects: through pgbouncer. */
  readonly url: string;
  /** Direct, as the superuser: without the limits of the role. */
  readonly superuserUrl: string;
  readonly pgbouncer: Mortal;
  readonly postgres: Mortal & {
    stop(): Promise<void>;
    /** Accepts neither connections nor cancel requests during the work; open connections are served. */
    pauseWhile(work: () => Promise<void>): Promise<void>;
  };
  /** Runs a command on pgbouncer's admin console, e.g. RECONNECT. */
  runPgbouncerCommand(command: string): Promise<void>;
}

/** @param program the path of pgbouncer */
export async function startMortalDatabase(program: string): Promise<MortalDatabase> {
  await using resources = new AsyncDisposableStack();
  const surroundings = await chooseSurroundings();
  const { port, pgbouncerPort, record, secrets } = surroundings;
  resources.defer(() => record.close());
  const postgres = resources.use(await startMortalPostgres(surroundings));
  const server = { port, superuserPassword: secrets.superuser };
  const urlAt = (at: number, database = 'loms') => databaseUrl('loms', secrets.services.loms, at, database);
  await prepareDatabases(server, secrets.services);
  await migrateUp({ databaseUrl: urlAt(port), directory: migrationsDirectory('loms') });
  const pgbouncer = resources.use(await startMortalPgbouncer(program, surroundings));
  const owned = resources.move();
  return {
    url: urlAt(pgbouncerPort),
    superuserUrl: superuserUrl(server).replace(/postgres$/, 'loms'),
    pgbouncer,
    postgres,
    async runPgbouncerCommand(command) {
      await withSuperuser(urlAt(pgbouncerPort, 'pgbouncer'), (client) => client.query(command));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

type Surroundings = Awaited<ReturnType<typeof chooseSurroundings>>;

async function chooseSurroundings() {
  const [port = 0, pgbouncerPort = 0] = await pickFreePorts(2);
  const paths = createPart(readTestFolder(), `pgbouncer-${randomBytes(4).toString('hex')}`);
  const record = openRunRecord(paths, 'make test', 0);
  const logFile = openLogFile(paths.logs, 'database');
  return { port, pgbouncerPort, paths, record, logFile, secrets: createSecrets(), user: findPostgresUser() };
}

type MortalPostgres = MortalDatabase['postgres'] & AsyncDisposable;

async function startMortalPostgres({
  port,
  paths,
  record,
  logFile,
  secrets,
  user,
}: Surroundings): Promise<MortalPostgres> {
  const binaries = await findPostgresBinaries();
  const address = { port, superuserPassword: secrets.superuser, directory: paths.postgres };
  const postgres = { ...binaries, ...address, settings: postgresSettings(CONNECTIONS_MAX, false) };
  let pid = 0;
  const spawn = () =>
    superviseDatabase({
      postgres,
      pgbouncers: [],
      user,
      logFile,
      onSpawn(name, spawned) {
        if (name === 'postgres') pid = spawned;
        record.add(name, spawned);
      },
      onProgress() {},
    });
  let supervision = spawn();
  const stop = () => supervision.stop();
  await supervision.start().catch(async (error) => {
    await stop();
    throw error;
  });
  return {
    async kill() {
      const stamp = stampProcess('postgres', pid);
      process.kill(pid, 'SIGKILL');
      if (stamp) await waitForEnd(stamp, END_TIMEOUT_MS);
      await supervision.lost;
    },
    stop,
    async pauseWhile(work) {
      process.kill(pid, 'SIGSTOP');
      try {
        await work();
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    },
    async startAgain() {
      supervision = spawn();
      await supervision.start();
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function startMortalPgbouncer(
  program: string,
  { port, pgbouncerPort, paths, record, logFile, secrets, user }: Surroundings,
): Promise<Mortal & AsyncDisposable> {
  const about = { name: 'loms', like: 'loms', database: 'loms', port: pgbouncerPort, postgresPort: port } as const;
  const options = { ...about, users: { loms: secrets.services.loms } };
  const prepared = preparePgbouncer(program, paths.pgbouncer, options, user);
  // The service's own file makes its role a stats user only.
  appendFileSync(String(prepared.arguments[0]), '\nadmin_users = loms\n');
  const spawn = () =>
    spawnPgbouncer({
      program: prepared,
      port: pgbouncerPort,
      user,
      logFile,
      onSpawn: (pid) => record.add('pgbouncer', pid),
    });
  let pgbouncer = await spawn();
  const kill = () => pgbouncer.kill();
  return {
    kill,
    async startAgain() {
      pgbouncer = await spawn();
    },
    [Symbol.asyncDispose]: kill,
  };
}
