import { ROLE_CONNECTIONS_MAX } from 'service-kit/provision';
import type { MeshConfig, MeshPaths } from '../mesh-config.ts';
import type { RunRecord } from '../mesh-folder/run-record.ts';
import { loadSecrets, type Secrets } from '../mesh-folder/secrets.ts';
import { DATABASES, type DatabaseName, type PerDatabase, perDatabase } from '../services.ts';
import { openLogFile } from '../supervisor/log-files.ts';
import type { Program } from '../supervisor/plan.ts';
import type { Supervision } from '../supervisor/supervise.ts';
import { databaseUrl, prepareDatabases } from './databases.ts';
import { findPgbouncer, preparePgbouncer } from './pgbouncer-config.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import { findPostgresUser, type PostgresUser } from './postgres-user.ts';
import { superviseDatabase } from './supervise-database.ts';

/** Every role at its limit, and ten for the superuser. */
const POSTGRES_CONNECTIONS_MAX = DATABASES.length * ROLE_CONNECTIONS_MAX + 10;

export type MeshDatabase = Supervision & {
  /** Unset where no pgbouncer is installed: services connect directly. */
  pgbouncer: string | undefined;
  /** As services reach their databases. */
  urls: PerDatabase<string>;
  /** Direct, not through pgbouncer: migrations need a session. */
  directUrls: PerDatabase<string>;
};

type DatabaseSurroundings = {
  config: MeshConfig;
  paths: MeshPaths;
  record: RunRecord;
  withPgbouncer: boolean;
  say(text: string): void;
};

/** Spawns the database's supervisor without waiting for the database, so that the caller can stop it from the first moment. */
export async function spawnDatabase(surroundings: DatabaseSurroundings): Promise<MeshDatabase> {
  const { config, paths, record, say } = surroundings;
  const [binaries, user] = [await findPostgresBinaries(), findPostgresUser()];
  if (user.change !== undefined) say(user.change);
  const secrets = loadSecrets(paths);
  const server = { port: config.postgresPort, superuserPassword: secrets.superuser };
  const settings = postgresSettings(POSTGRES_CONNECTIONS_MAX, config.fsync);
  const pgbouncer = surroundings.withPgbouncer ? findPgbouncer() : undefined;
  const supervision = superviseDatabase({
    postgres: { ...binaries, ...server, directory: paths.postgres, settings },
    pgbouncers: pgbouncer === undefined ? [] : preparePgbouncers(pgbouncer, { config, paths, secrets, user }),
    user,
    logFile: openLogFile(paths.logs, 'database'),
    onSpawn: record.add,
    onProgress: say,
  });
  const urls = (port: (service: DatabaseName) => number) =>
    perDatabase((service) => databaseUrl(service, secrets.services[service], port(service), service));
  const directUrls = urls(() => config.postgresPort);
  return {
    ...supervision,
    pgbouncer,
    directUrls,
    urls: pgbouncer === undefined ? directUrls : urls((service) => config.pgbouncerPorts[service]),
    async start() {
      await supervision.start();
      await prepareDatabases(server, secrets.services);
    },
  };
}

type PgbouncerParts = { config: MeshConfig; paths: MeshPaths; secrets: Secrets; user: PostgresUser };

function preparePgbouncers(program: string, { config, paths, secrets, user }: PgbouncerParts): Program[] {
  return DATABASES.map((service) => {
    const ports = { port: config.pgbouncerPorts[service], postgresPort: config.postgresPort };
    const users = { [service]: secrets.services[service] };
    const options = { name: service, like: service, database: service, ...ports, users };
    return preparePgbouncer(program, paths.pgbouncer, options, user);
  });
}

export function postgresSettings(connectionsMax: number, fsync: boolean): Record<string, string> {
  return {
    max_connections: String(connectionsMax),
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%u@%d ',
    // synchronous_commit stays on: without it a killed Postgres loses commits that it has acknowledged.
    ...(fsync ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
}
