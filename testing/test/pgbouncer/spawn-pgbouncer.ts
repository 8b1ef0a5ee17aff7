import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { LOCAL_HOST, waitForPort } from 'mesh';
import { launchAs, type PostgresUser } from 'mesh/postgres';
import type { Program } from 'mesh/supervisor';

/** A limit against hanging: it listens within milliseconds. */
const LISTEN_TIMEOUT_MS = 20_000;

export interface PgbouncerOptions {
  readonly program: Program;
  readonly port: number;
  readonly user: PostgresUser;
  readonly logFile: string;
  readonly onSpawn: (pid: number) => void;
}

/** A pgbouncer without a supervisor, which would restart it. */
export async function spawnPgbouncer({ program, port, user, logFile, onSpawn }: PgbouncerOptions) {
  const { command, arguments: words } = program;
  const as = launchAs(user, { command, arguments: words }, { executable: [command], readable: words });
  const log = openSync(logFile, 'a');
  const child = spawn(as.command, as.arguments, { ...as.ids, cwd: '/', stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = once(child, 'exit');
  if (child.pid !== undefined) onSpawn(child.pid);
  if (!(await waitForPort(LOCAL_HOST, port, LISTEN_TIMEOUT_MS))) {
    child.kill('SIGKILL');
    throw new Error(`pgbouncer did not listen within ${LISTEN_TIMEOUT_MS / 1000} s: see ${logFile}`);
  }
  return {
    async kill(): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await ended;
    },
  };
}
