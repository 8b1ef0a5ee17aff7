import { provisionRole, withSuperuser } from 'service-kit/provision';
import { type DatabaseServer, superuserUrl } from './databases.ts';
import { Failure } from './failure.ts';
import { spawnKeeper } from './keeper-client.ts';
import { openLogFile } from './log-files.ts';
import { LOCAL_HOST } from './mesh-config.ts';
import { postgresSettings } from './mesh-database.ts';
import { createFolderFor } from './owned-files.ts';
import { findPgbouncer, writePgbouncerConfig } from './pgbouncer-config.ts';
import { pickFreePorts } from './ports.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import { findPostgresUser } from './postgres-user.ts';
import { openRunRecord } from './run-record.ts';
import { createSecrets } from './secrets.ts';
import { type PerService, SERVICES } from './services.ts';
import { createPart, NEEDS_TEST_SCRIPT } from './test-folder.ts';

/** What tests need to know of the server; it travels to mocha's process in this environment variable. */
export type TestServer = DatabaseServer & { passwords: PerService<string>; pgbouncerPort?: number };
const VARIABLE = 'TEST_POSTGRES_SERVER';

/** Many test files with a pool or two each, also several at once. */
const CONNECTIONS_MAX = 300;

export type RunningTestServer = { environment: NodeJS.ProcessEnv; reached: string; stop(): Promise<void> };

/**
 * One Postgres for all tests of a run, with a pgbouncer in front of it where one is installed and TEST_PGBOUNCER is not off.
 * @param fsync as the mesh has it by default; tests need none
 */
export async function startTestServer(folder: string, { fsync = false } = {}): Promise<RunningTestServer> {
  const paths = createPart(folder, 'server');
  const record = openRunRecord(paths, 'make test', 0);
  const [secrets, user, binaries] = [createSecrets(), findPostgresUser(), await findPostgresBinaries()];
  const [port = 0, pgbouncerPort = 0] = await pickFreePorts(2);
  const program = process.env.TEST_PGBOUNCER === 'off' ? undefined : findPgbouncer();
  createFolderFor(paths.postgres, user);
  const instance = () => {
    const users = secrets.services;
    const options = {
      name: 'tests',
      like: 'loms' as const,
      database: '*',
      port: pgbouncerPort,
      postgresPort: port,
      users,
    };
    return writePgbouncerConfig(paths.pgbouncer, options, user);
  };
  const settings = postgresSettings(CONNECTIONS_MAX, fsync);
  const address = { host: LOCAL_HOST, port, superuserPassword: secrets.superuser };
  const keeper = spawnKeeper({
    task: {
      postgres: { ...binaries, ...address, directory: paths.postgres, settings },
      pgbouncers: { program: program ?? '', instances: program === undefined ? [] : [instance()] },
    },
    user,
    logFile: openLogFile(paths.logs, 'database'),
    onSpawn: (name, pid) => record.add(name, pid),
  });
  void keeper.lost.then((sentence) => console.error(sentence));
  const stop = async () => {
    await keeper.stop();
    record.close();
  };
  try {
    await keeper.start();
    const server: TestServer = { port, superuserPassword: secrets.superuser, passwords: secrets.services };
    await withSuperuser(superuserUrl(server), async (client) => {
      for (const service of SERVICES) {
        await provisionRole(client, { name: service, password: server.passwords[service], connectionsMax: -1 });
      }
    });
    if (program !== undefined) server.pgbouncerPort = pgbouncerPort;
    const reached = program === undefined ? 'directly, without pgbouncer' : 'through pgbouncer';
    return { environment: { [VARIABLE]: JSON.stringify(server) }, reached, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function readTestServer(): TestServer {
  const text = process.env[VARIABLE];
  if (text !== undefined) return JSON.parse(text);
  throw new Failure(NEEDS_TEST_SCRIPT);
}
