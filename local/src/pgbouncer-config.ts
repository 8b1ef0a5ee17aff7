import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { PgbouncerInstance } from './keeper-protocol.ts';
import { LOCAL_HOST, PROJECT_DIRECTORY } from './mesh-config.ts';
import { createFolderFor, writeFileFor } from './owned-files.ts';
import type { PostgresUser } from './postgres-user.ts';

/** Debian puts it where an ordinary user's PATH does not look. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];

/** Below the roles' connection limit by a few, which are for migrators and for whoever looks in with psql. */
export const PGBOUNCER_POOL_SIZE = 20;

export function findPgbouncer(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...MORE_FOLDERS].filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, 'pgbouncer')).find(isExecutable);
}

export type PgbouncerOptions = {
  name: string;
  /** The database it stands in front of, or `*` for every one there is. */
  database: string;
  port: number;
  postgresPort: number;
  /** Role and password. */
  users: Record<string, string>;
};

/** Writes the configuration of one pgbouncer for the user it runs as, and for nobody else, to read. */
export function writePgbouncerConfig(
  directory: string,
  options: PgbouncerOptions,
  user: PostgresUser,
): PgbouncerInstance {
  const { name, database, port, postgresPort, users } = options;
  const authFile = join(directory, `${name}.users`);
  const configFile = join(directory, `${name}.ini`);
  const userList = Object.entries(users).map(([role, password]) => `"${role}" "${password}"\n`);
  const values: Record<string, string> = {
    database,
    postgres_host: LOCAL_HOST,
    postgres_port: String(postgresPort),
    listen_addr: LOCAL_HOST,
    listen_port: String(port),
    auth_file: authFile,
    stats_users: Object.keys(users).join(', '),
    pool_size: String(PGBOUNCER_POOL_SIZE),
  };
  const template = readFileSync(join(PROJECT_DIRECTORY, 'pgbouncer/pgbouncer.ini'), 'utf8');
  const config = template.replace(/\{\{(\w+)\}\}/g, (placeholder, key: string) => values[key] ?? placeholder);
  createFolderFor(directory, user);
  writeFileFor(authFile, userList.join(''), user);
  writeFileFor(configFile, config, user);
  return { name: `pgbouncer-${name}`, configFile, host: LOCAL_HOST, port };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
