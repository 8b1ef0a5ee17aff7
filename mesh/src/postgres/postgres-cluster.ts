import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

export function clusterData(directory: string): string {
  return join(directory, 'data');
}

/** Postgres writes its state into the last line of postmaster.pid; pg_ctl waits for the same word. */
export function isClusterReady(directory: string, pid: number | undefined): boolean {
  const lines = readPidFile(directory);
  return lines?.[0]?.trim() === String(pid) && lines[7]?.trim() === 'ready';
}

/** The process that the cluster's pid file speaks of; it may be gone, or be somebody else by now. */
export function readPostgresPid(directory: string): number | undefined {
  const pid = Number(readPidFile(directory)?.[0]);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

/**
 * The folder of Postgres's socket, from its data folder: in there, it answers for as long as Postgres lives, and to whatever
 * process of this machine can open the folder. A pid says nothing in another container, and neither does shared memory.
 */
export const SOCKET_FOLDER = '.';
const SOCKET = /^\.s\.PGSQL\.\d+$/;

/** Whether a Postgres is at work on the cluster, in whatever container. */
export async function isClusterInUse(directory: string): Promise<boolean> {
  const data = clusterData(directory);
  const sockets = existsSync(data) ? readdirSync(data).filter((name) => SOCKET.test(name)) : [];
  const answers = await Promise.all(sockets.map((name) => doesSocketAnswer(data, name)));
  return answers.includes(true);
}

/** Removes what a killed Postgres has left behind, since the next one would take the pids in it for its own. */
export function removeClusterLocks(directory: string): void {
  const data = clusterData(directory);
  if (!existsSync(data)) return;
  const left = readdirSync(data).filter((name) => name === 'postmaster.pid' || name.startsWith('.s.PGSQL.'));
  for (const name of left) rmSync(join(data, name), { force: true });
}

async function doesSocketAnswer(folder: string, name: string): Promise<boolean> {
  const here = process.cwd();
  // The path of a socket may have about a hundred bytes, and a folder's alone may be longer. connect() is called at once.
  process.chdir(folder);
  const socket = connect(name);
  process.chdir(here);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('connect', () => resolve(true));
  // Any other error may come from a Postgres that is there, for example from one whose queue is full.
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
