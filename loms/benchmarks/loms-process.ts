import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pickFreePorts } from 'local/testing';

export interface LomsProcess extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

export interface LomsOptions {
  readonly name: string;
  readonly databaseUrl: string;
  readonly notificationsPort: number;
  readonly poolMax: number;
  /** Where its log is written to. */
  readonly folder: string;
  readonly nodeOptions?: readonly string[];
}

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const READY_TIMEOUT_MS = 20_000;
const POLL_MS = 50;
/** It ends itself before. */
const STOP_TIMEOUT_MS = 6_000;

/** A real loms, as in production: its log at its usual level, to a file. */
export async function startLoms(options: LomsOptions): Promise<LomsProcess> {
  const [port = 0] = await pickFreePorts(1);
  const logFile = join(options.folder, `${options.name}.log`);
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, [...(options.nodeOptions ?? []), MAIN], {
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      PORT: String(port),
      DATABASE_URL: options.databaseUrl,
      DATABASE_POOL_MAX: String(options.poolMax),
      NOTIFICATIONS_URL: `http://127.0.0.1:${options.notificationsPort}`,
    },
    // The channel tells it when the benchmark is gone.
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const exit = once(child, 'exit');
  const process_: LomsProcess = {
    port,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const gone = await Promise.race([exit, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
      if (gone === undefined) child.kill('SIGKILL');
    },
  };
  try {
    await waitUntilReady(port, () => child.exitCode === null);
    return process_;
  } catch (error) {
    await process_[Symbol.asyncDispose]();
    throw new Error(`${(error as Error).message}: ${readFileSync(logFile, 'utf8').trim().split('\n').at(-1)}`);
  }
}

async function waitUntilReady(port: number, lives: () => boolean): Promise<void> {
  const until = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < until && lives()) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    await sleep(POLL_MS);
  }
  throw new Error(lives() ? `loms was not ready within ${READY_TIMEOUT_MS / 1_000} s` : 'loms ended at its start');
}
