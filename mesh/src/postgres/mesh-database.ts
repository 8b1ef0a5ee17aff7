import { ROLE_CONNECTIONS_MAX } from 'service-kit/provision';
import type { RunRecord } from '../folder/run-record.ts';
import { loadSecrets, type Secrets } from '../folder/secrets.ts';
import { LOCAL_HOST, type MeshConfig, type MeshPaths } from '../mesh-config.ts';
import { type PerService, perService, SERVICES } from '../services.ts';
import { type Keeper, spawnKeeper } from '../supervisor/keeper-client.ts';
import type { KeeperTask } from '../supervisor/keeper-protocol.ts';
import { openLogFile } from '../supervisor/log-files.ts';
import { databaseUrl, prepareDatabases } from './databases.ts';
import { createFolderFor } from './owned-files.ts';
import { findPgbouncer, writePgbouncerConfig } from './pgbouncer-config.ts';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import { findPostgresUser, type PostgresUser } from './postgres-user.ts';

/** All roles at their limit, and some for the superuser. */
const POSTGRES_CONNECTIONS_MAX = SERVICES.length * ROLE_CONNECTIONS_MAX + 10;

export type MeshDatabase = {
  /** Undefined where no pgbouncer is installed, and services connect directly. */
  pgbouncer: string | undefined;
  /** As services reach their databases. */
  urls: PerService<string>;
  /** Past pgbouncer, for what needs a session: migrations. */
  directUrls: PerService<string>;
  keeper: Keeper;
};

export type DatabaseSurroundings = {
  config: MeshConfig;
  paths: MeshPaths;
  record: RunRecord;
  withPgbouncer: boolean;
  say(text: string): void;
};

/** Starts the keeper, without waiting for the database: whoever calls can stop it from the first moment. */
export async function spawnDatabase(surroundings: DatabaseSurroundings): Promise<MeshDatabase> {
  const { config, paths, record, say } = surroundings;
  const [binaries, user] = [await findPostgresBinaries(), findPostgresUser()];
  if (user.note !== undefined) say(user.note);
  const secrets = loadSecrets(paths);
  const pgbouncer = surroundings.withPgbouncer ? findPgbouncer() : undefined;
  createFolderFor(paths.postgres, user);
  const keeper = spawnKeeper({
    task: describeTask({ config, paths, binaries, secrets, user, pgbouncer }),
    user,
    logFile: openLogFile(paths.logs, 'database'),
    onSpawn: (name, pid) => record.add(name, pid),
    onProgress: say,
  });
  const urls = (port: (service: keyof PerService<number>) => number) =>
    perService((service) => databaseUrl(service, secrets.services[service], port(service), service));
  const directUrls = urls(() => config.postgresPort);
  return {
    pgbouncer,
    directUrls,
    urls: pgbouncer === undefined ? directUrls : urls((service) => config.pgbouncerPorts[service]),
    keeper: {
      ...keeper,
      async start() {
        await keeper.start();
        const server = { port: config.postgresPort, superuserPassword: secrets.superuser };
        await prepareDatabases(server, secrets.services);
      },
    },
  };
}

type TaskParts = {
  config: MeshConfig;
  paths: MeshPaths;
  binaries: PostgresBinaries;
  secrets: Secrets;
  user: PostgresUser;
  pgbouncer: string | undefined;
};

function describeTask({ config, paths, binaries, secrets, user, pgbouncer }: TaskParts): KeeperTask {
  const instances = SERVICES.map((service) => {
    const options = { name: service, like: service, database: service, port: config.pgbouncerPorts[service] };
    const users = { [service]: secrets.services[service] };
    return () => writePgbouncerConfig(paths.pgbouncer, { ...options, postgresPort: config.postgresPort, users }, user);
  });
  return {
    postgres: {
      ...binaries,
      directory: paths.postgres,
      host: LOCAL_HOST,
      port: config.postgresPort,
      superuserPassword: secrets.superuser,
      settings: postgresSettings(POSTGRES_CONNECTIONS_MAX, config.fsync),
    },
    pgbouncers: {
      program: pgbouncer ?? '',
      instances: pgbouncer === undefined ? [] : instances.map((write) => write()),
    },
  };
}

export function postgresSettings(connectionsMax: number, fsync: boolean): Record<string, string> {
  return {
    max_connections: String(connectionsMax),
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%u@%d ',
    // synchronous_commit stays on: without it a killed Postgres would lose what it had acknowledged.
    ...(fsync ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
}
