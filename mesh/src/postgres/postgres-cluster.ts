import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

export function clusterData(directory: string): string {
  return join(directory, 'data');
}

/** Postgres writes its state into the last line of postmaster.pid; pg_ctl waits for the same state. */
export function isClusterReady(directory: string, pid: number | undefined): boolean {
  const lines = readPidFile(directory);
  return lines?.[0]?.trim() === String(pid) && lines[7]?.trim() === 'ready';
}

/** The pid in the cluster's pid file; the process may have ended, and the pid may be another process's by now. */
export function readPostgresPid(directory: string): number | undefined {
  const pid = Number(readPidFile(directory)?.[0]);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

/**
 * The folder of Postgres's socket, relative to its data folder: any process that can open the folder can test whether Postgres
 * lives. A pid and shared memory mean nothing in another container.
 */
export const SOCKET_FOLDER = '.';
const SOCKET = /^\.s\.PGSQL\.\d+$/;

/** Whether a Postgres serves the cluster, in any container. */
export async function isClusterInUse(directory: string): Promise<boolean> {
  const data = clusterData(directory);
  const sockets = existsSync(data) ? readdirSync(data).filter((name) => SOCKET.test(name)) : [];
  const answers = await Promise.all(sockets.map((name) => doesSocketAnswer(data, name)));
  return answers.includes(true);
}

/** Removes the locks of a killed Postgres: the next one would refuse to start if another process has the pid in them. */
export function removeClusterLocks(directory: string): void {
  const data = clusterData(directory);
  if (!existsSync(data)) return;
  const left = readdirSync(data).filter((name) => name === 'postmaster.pid' || name.startsWith('.s.PGSQL.'));
  for (const name of left) rmSync(join(data, name), { force: true });
}

async function doesSocketAnswer(folder: string, name: string): Promise<boolean> {
  const here = process.cwd();
  // The path of a socket has at most about a hundred bytes, so it must be relative. connect() opens it at once.
  process.chdir(folder);
  const socket = connect(name);
  process.chdir(here);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('connect', () => resolve(true));
  // Any other error may come from a live Postgres, for example one with a full queue.
  socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  return promise.finally(() => socket.destroy());
}

function readPidFile(directory: string): string[] | undefined {
  try {
    return readFileSync(join(clusterData(directory), 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
}
