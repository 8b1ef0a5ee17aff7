import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../find-program.ts';
import { LOCAL_HOST, PROJECT_DIRECTORY } from '../mesh-config.ts';
import type { DatabaseName } from '../services.ts';
import { type Program, STOP_STEPS } from '../supervisor/plan.ts';
import { createFolderFor, writeFileFor } from './owned-files.ts';
import type { PostgresUser } from './postgres-user.ts';

/** Debian installs it in a folder that is not in an ordinary user's PATH. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];

export function findPgbouncer(): string | undefined {
  return findProgram('pgbouncer', MORE_FOLDERS);
}

export type PgbouncerOptions = {
  name: string;
  /** The service whose file in `pgbouncer/` it is made from. */
  like: DatabaseName;
  /** The database behind it, or `*` for every database. */
  database: string;
  port: number;
  postgresPort: number;
  /** Role and password. */
  users: Record<string, string>;
};

const READY_TIMEOUT_MS = 60_000;
/**
 * Releases up to 1.20 exit on rare orders of events (docs/decisions/0008-cancelling-statements.md), and pgbouncer keeps no
 * state, so it is restarted. After ten restarts the fault is not a rare one.
 */
const RESTARTS_MAX = 10;

/** Writes the configuration of one pgbouncer, readable only for the user it runs as, and says how to run it. */
export function preparePgbouncer(
  command: string,
  directory: string,
  options: PgbouncerOptions,
  user: PostgresUser,
): Program {
  const { name, port, users } = options;
  const authFile = join(directory, `${name}.users`);
  const configFile = join(directory, `${name}.ini`);
  const userList = Object.entries(users).map(([role, password]) => `"${role}" "${password}"\n`);
  createFolderFor(directory, user);
  writeFileFor(authFile, userList.join(''), user);
  writeFileFor(configFile, localPgbouncerConfig(options, authFile), user);
  return {
    name: `pgbouncer-${name}`,
    title: `pgbouncer-${name}`,
    command,
    arguments: [configFile],
    ready: { when: 'port listens', host: LOCAL_HOST, port },
    readyTimeoutMs: READY_TIMEOUT_MS,
    restartsMax: RESTARTS_MAX,
    stop: STOP_STEPS.pgbouncer,
  };
}

/**
 * The service's file, which docker-compose.yml mounts unchanged, with the addresses of this machine. The included file is put
 * inline: the user that pgbouncer runs as may lack access to the project's folder.
 */
export function localPgbouncerConfig(options: PgbouncerOptions, authFile: string): string {
  const { like, database, port, postgresPort, users } = options;
  const read = (name: string) => readFileSync(join(PROJECT_DIRECTORY, 'pgbouncer', name), 'utf8');
  const lines: [line: RegExp, ours: string][] = [
    [/^\w+ = host=\S+ port=\d+$/m, `${database} = host=${LOCAL_HOST} port=${postgresPort}`],
    [/^listen_addr = .*$/m, `listen_addr = ${LOCAL_HOST}`],
    [/^listen_port = .*$/m, `listen_port = ${port}`],
    [/^auth_file = .*$/m, `auth_file = ${authFile}`],
    [/^stats_users = .*$/m, `stats_users = ${Object.keys(users).join(', ')}`],
    [/^%include .*common\.ini$/m, read('common.ini')],
  ];
  return lines.reduce(
    (text, [line, ours]) => {
      if (!line.test(text)) throw new Error(`pgbouncer/${like}.ini has lost its line ${line}.`);
      return text.replace(line, () => ours);
    },
    read(`${like}.ini`),
  );
}
