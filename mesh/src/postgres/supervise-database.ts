import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LOCAL_HOST } from '../mesh-config.ts';
import { type Preparation, type Program, STOP_STEPS } from '../supervisor/plan.ts';
import { spawnSupervisor } from '../supervisor/spawn-supervisor.ts';
import type { Supervision } from '../supervisor/supervise.ts';
import { createFolderFor, writeFileFor } from './owned-files.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { clusterData, SOCKET_FOLDER } from './postgres-cluster.ts';
import { launchAs, type PostgresUser } from './postgres-user.ts';

type DatabasePrograms = {
  /** Unset where Postgres runs elsewhere. */
  postgres?: PostgresOptions;
  pgbouncers: Program[];
  user: PostgresUser;
  logFile: string;
  onSpawn(name: string, pid: number): void;
  onProgress(text: string): void;
};

type PostgresOptions = PostgresBinaries & {
  /** Holds `data`; it is given to the user whom Postgres runs as. */
  directory: string;
  port: number;
  superuserPassword: string;
  settings: Record<string, string>;
};

/** After a crash Postgres replays its write-ahead log first, of which there may be a gigabyte. */
const READY_TIMEOUT_MS = 60_000;
/** After a kill -9 it refuses to start until the last processes of the old one have let go of its shared memory. */
const START_ATTEMPTS_MAX = 4;

/** Runs Postgres and pgbouncers under a supervisor that is the Postgres user, since both refuse to run as root. */
export function superviseDatabase(programs: DatabasePrograms): Supervision {
  const { postgres, pgbouncers, user, logFile, onSpawn, onProgress } = programs;
  if (postgres !== undefined) createFolderFor(postgres.directory, user);
  const creation = postgres && prepareCluster(postgres, user);
  const binaries = postgres === undefined ? [] : [postgres.initdb, postgres.postgres];
  const folders = postgres === undefined ? [] : [postgres.directory];
  const supervision = spawnSupervisor({
    name: 'database supervisor',
    plan: {
      preparations: creation === undefined ? [] : [creation.initdb],
      tiers: [postgres === undefined ? [] : [describePostgres(postgres)], pgbouncers],
    },
    launchAs: (launch) =>
      launchAs(user, launch, {
        executable: [launch.command, ...binaries],
        readable: [...folders, ...launch.arguments],
      }),
    // The user may not enter our working folder, and no variable of the caller's concerns Postgres.
    cwd: '/',
    env: { PATH: process.env.PATH, HOME: '/', LC_ALL: 'C' },
    logFile,
    onSpawn,
    onProgress,
  });
  return {
    ...supervision,
    async start() {
      if (creation !== undefined) onProgress('creating the database cluster');
      try {
        await supervision.start();
      } finally {
        if (creation !== undefined) rmSync(creation.passwordFile, { force: true });
      }
    },
  };
}

/** Undefined where there is a cluster already. */
function prepareCluster(
  { initdb, directory, superuserPassword }: PostgresOptions,
  user: PostgresUser,
): { initdb: Preparation; passwordFile: string } | undefined {
  const data = clusterData(directory);
  if (existsSync(data)) return undefined;
  const unfinished = `${data}.new`;
  const passwordFile = join(directory, 'password');
  // A process of a killed initdb may still be writing its last file there.
  rmSync(unfinished, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  writeFileFor(passwordFile, superuserPassword, user);
  const words = [
    `--pgdata=${unfinished}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // The same order of text on every machine, with any locales.
    ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'],
    // Syncing takes seconds on a slow disk, and only a power cut during the first start would need it.
    '--no-sync',
    '--no-instructions',
  ];
  const renames = { from: unfinished, to: data };
  const stop = STOP_STEPS.preparation;
  return {
    initdb: { name: 'initdb', title: 'initdb', command: initdb, arguments: words, stop, renames },
    passwordFile,
  };
}

function describePostgres({ postgres, directory, port, settings }: PostgresOptions): Program {
  const all = { port: String(port), listen_addresses: LOCAL_HOST, unix_socket_directories: SOCKET_FOLDER, ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return {
    name: 'postgres',
    title: 'Postgres',
    command: postgres,
    arguments: ['-D', clusterData(directory), ...flags],
    ready: { when: 'cluster is ready', directory },
    readyTimeoutMs: READY_TIMEOUT_MS,
    startAttemptsMax: START_ATTEMPTS_MAX,
    stop: STOP_STEPS.postgres,
  };
}
