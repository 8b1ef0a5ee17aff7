import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import type pg from 'pg';
import { migrateUp } from 'service-kit/migrations';
import { withSuperuser } from 'service-kit/provision';
import { databaseUrl, prepareDatabases, superuserUrl } from '../../src/databases.ts';
import { type Keeper, spawnKeeper } from '../../src/keeper-client.ts';
import { openLogFile } from '../../src/log-files.ts';
import { LOCAL_HOST } from '../../src/mesh-config.ts';
import { postgresSettings } from '../../src/mesh-database.ts';
import { migrationsDirectory } from '../../src/migrate-services.ts';
import { createFolderFor } from '../../src/owned-files.ts';
import { writePgbouncerConfig } from '../../src/pgbouncer-config.ts';
import { pickFreePorts } from '../../src/ports.ts';
import { findPostgresBinaries } from '../../src/postgres-binaries.ts';
import { findPostgresUser } from '../../src/postgres-user.ts';
import { isAlive, stampProcess, waitForEnd } from '../../src/process-stamp.ts';
import { openRunRecord } from '../../src/run-record.ts';
import { createSecrets } from '../../src/secrets.ts';
import { createPart, readTestFolder } from '../../src/test-folder.ts';
import { spawnPgbouncer } from './spawn-pgbouncer.ts';

const CONNECTIONS_MAX = 60;
/** A limit against hanging: whoever is killed is gone at once. */
const END_TIMEOUT_MS = 20_000;

/** What can be done to a Postgres or a pgbouncer. */
export interface Mortal {
  /** As a power cut would, and waits until it is gone. */
  kill(): Promise<void>;
  startAgain(): Promise<void>;
}

/** The database of loms on a Postgres and behind a pgbouncer that are a test's own, to do with as it likes. */
export interface MortalDatabase extends AsyncDisposable {
  /** As loms connects: through pgbouncer. */
  readonly url: string;
  /** Past pgbouncer, as the superuser: no limit of the role's holds. */
  readonly superuserUrl: string;
  readonly pgbouncer: Mortal;
  readonly postgres: Mortal & { stop(): Promise<void> };
  /** Says something to pgbouncer's own console, e.g. RECONNECT. */
  tellPgbouncer(command: string): Promise<void>;
}

/** @param program the pgbouncer */
export async function startMortalDatabase(program: string): Promise<MortalDatabase> {
  const [port = 0, pgbouncerPort = 0] = await pickFreePorts(2);
  const paths = createPart(readTestFolder(), `pgbouncer-${randomBytes(4).toString('hex')}`);
  const [record, secrets, user] = [openRunRecord(paths, 'make test', 0), createSecrets(), findPostgresUser()];
  await using resources = new AsyncDisposableStack();
  resources.defer(() => record.close());

  createFolderFor(paths.postgres, user);
  const postgresTask = {
    ...(await findPostgresBinaries()),
    ...{ host: LOCAL_HOST, port, superuserPassword: secrets.superuser, directory: paths.postgres },
    settings: postgresSettings(CONNECTIONS_MAX, false),
  };
  const logFile = openLogFile(paths.logs, 'database');
  let keeper: Keeper;
  let postgresPid = 0;
  const startPostgres = async (): Promise<void> => {
    keeper = spawnKeeper({
      task: { postgres: postgresTask, pgbouncers: { program: '', instances: [] } },
      user,
      logFile,
      onSpawn(name, pid) {
        if (name === 'postgres') postgresPid = pid;
        record.add(name, pid);
      },
    });
    await keeper.start();
  };
  resources.defer(() => keeper?.stop());
  await startPostgres();
  const server = { port, superuserPassword: secrets.superuser };
  await prepareDatabases(server, secrets.services);
  const urlAt = (at: number, database = 'loms') => databaseUrl('loms', secrets.services.loms, at, database);
  await migrateUp({ databaseUrl: urlAt(port), directory: migrationsDirectory('loms') });

  const instance = writePgbouncerConfig(
    paths.pgbouncer,
    {
      ...{ name: 'loms', like: 'loms', database: 'loms', port: pgbouncerPort, postgresPort: port },
      users: { loms: secrets.services.loms },
    },
    user,
  );
  // The service's own file lets its role look, but not command.
  appendFileSync(instance.configFile, '\nadmin_users = loms\n');
  const startPgbouncer = () =>
    spawnPgbouncer({ program, instance, user, logFile, onSpawn: (pid) => record.add('pgbouncer', pid) });
  let pgbouncer = await startPgbouncer();
  resources.defer(() => pgbouncer.kill());
  const owned = resources.move();

  return {
    url: urlAt(pgbouncerPort),
    superuserUrl: superuserUrl(server).replace(/postgres$/, 'loms'),
    pgbouncer: {
      kill: () => pgbouncer.kill(),
      async startAgain() {
        pgbouncer = await startPgbouncer();
      },
    },
    postgres: {
      async kill() {
        const stamp = stampProcess('postgres', postgresPid);
        process.kill(postgresPid, 'SIGKILL');
        if (stamp && isAlive(stamp)) await waitForEnd(stamp, END_TIMEOUT_MS);
        await keeper.lost;
      },
      stop: () => keeper.stop(),
      startAgain: startPostgres,
    },
    async tellPgbouncer(command) {
      await withSuperuser(urlAt(pgbouncerPort, 'pgbouncer'), (client: pg.Client) => client.query(command));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
