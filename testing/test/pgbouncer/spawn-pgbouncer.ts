import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { launchAs, type PostgresUser } from 'mesh/postgres';
import { waitForPort } from 'mesh/run';
import type { PgbouncerInstance } from 'mesh/supervisor';

/** A limit against hanging: it listens within milliseconds. */
const LISTEN_TIMEOUT_MS = 20_000;

export interface PgbouncerOptions {
  readonly program: string;
  readonly instance: PgbouncerInstance;
  readonly user: PostgresUser;
  readonly logFile: string;
  readonly onSpawn: (pid: number) => void;
}

/** A pgbouncer without a keeper, which would take the whole database down with it. */
export async function spawnPgbouncer({ program, instance, user, logFile, onSpawn }: PgbouncerOptions) {
  const { configFile, host, port } = instance;
  const launch = { command: program, arguments: [configFile] };
  const as = launchAs(user, launch, { executable: [program], readable: [configFile] });
  const log = openSync(logFile, 'a');
  const child = spawn(as.command, as.arguments, { ...as.ids, cwd: '/', stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = once(child, 'exit');
  if (child.pid !== undefined) onSpawn(child.pid);
  if (!(await waitForPort(host, port, LISTEN_TIMEOUT_MS))) {
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
