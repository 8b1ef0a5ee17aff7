import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { type MeshPaths, shortPath } from '../mesh-config.ts';
import { isClusterInUse, readPostgresPid, removeClusterLocks } from '../postgres/postgres-cluster.ts';
import { isServiceName } from '../services.ts';
import { STOP_STEPS, type StopStep } from '../supervisor/plan.ts';
import { identifyFile } from './folder-lock.ts';
import { isAlive, type ProcessStamp, stampProcess, stopProcess } from './process-stamp.ts';

const KILL: StopStep = { signal: 'SIGKILL', waitMs: 1_000 };
const PS_TIMEOUT_MS = 2_000;

/** Callers stop before the services they call, and a supervisor stops its programs itself, unless it was killed too. */
const STAGES: [belongs: (name: string) => boolean, steps: StopStep[]][] = [
  [isServiceName, STOP_STEPS.service],
  [(name) => name.endsWith('supervisor'), STOP_STEPS.supervisor],
  [(name) => name === 'kafka', STOP_STEPS.kafka],
  [(name) => name.startsWith('pgbouncer'), STOP_STEPS.pgbouncer],
  [(name) => name === 'postgres' || name === 'initdb', STOP_STEPS.postgres],
];

/**
 * Stops the processes of a run whose runner was killed, and answers their number.
 * @param paths unset where the folder was moved: another run may have its Postgres at the old path
 */
export async function stopLeftovers(processes: ProcessStamp[], paths?: MeshPaths): Promise<number> {
  const postgres = paths && (await findPostgres(paths));
  const alive = [...processes.filter(isAlive), ...(postgres === undefined ? [] : [postgres])];
  for (const [belongs, steps] of STAGES) {
    await Promise.all(alive.filter(({ name }) => belongs(name)).map((stamp) => stopOne(stamp, [...steps, KILL])));
  }
  return new Set(alive.map(({ pid }) => pid)).size;
}

async function stopOne(stamp: ProcessStamp, steps: StopStep[]): Promise<void> {
  const gone = await stopProcess(stamp, steps).catch(() => false);
  if (gone) return;
  throw new Failure(
    `${stamp.name} (process ${stamp.pid}) of an earlier run cannot be stopped: call kill -9 ${stamp.pid} as the user who started it.`,
  );
}

/**
 * Finds Postgres by its own pid file, since the runner may have been killed before it recorded the pid. Another process may
 * have the pid by now, so the process must work in this very cluster.
 */
async function findPostgres(paths: MeshPaths): Promise<ProcessStamp | undefined> {
  const data = join(paths.postgres, 'data');
  const pid = readPostgresPid(paths.postgres);
  if (pid !== undefined && worksIn(pid, data)) return stampProcess('postgres', pid);
  if (await isClusterInUse(paths.postgres)) {
    throw new Failure(
      `A Postgres of an earlier run still works on ${shortPath(data)}, in another container or process namespace: end it there, then call again.`,
    );
  }
  // Postgres checks only whether the pid is in use, and would refuse to start if another process has it by now.
  removeClusterLocks(paths.postgres);
  return undefined;
}

/** Postgres's working folder is its data folder, also after a move. Its command line serves where that is not readable. */
function worksIn(pid: number, data: string): boolean {
  try {
    if (process.platform === 'linux') return identifyFile(`/proc/${pid}/cwd`) === identifyFile(data);
  } catch {
    // Root in a container without CAP_SYS_PTRACE cannot see another user's process.
  }
  return readCommandLine(pid).includes(`-D ${data} `);
}

function readCommandLine(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: PS_TIMEOUT_MS,
    });
  } catch {
    return '';
  }
}
