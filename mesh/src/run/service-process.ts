import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import { LOCAL_HOST, PROJECT_DIRECTORY, shortPath } from '../mesh-config.ts';
import type { ServiceName } from '../services.ts';
import { openServiceLog } from './service-log.ts';

export type ServiceProcess = {
  name: ServiceName;
  pid: number;
  url: string;
  /** Settles when `GET /readyz` answers 200. */
  waitUntilReady(): Promise<void>;
  /** Settles with a sentence when the service ends although nobody asked it to. */
  died: Promise<string>;
  stop(): Promise<void>;
};

export type ServiceOptions = {
  name: ServiceName;
  port: number;
  environment: NodeJS.ProcessEnv;
  logDirectory: string;
  onSpawn(name: string, pid: number): void;
};

const READY_TIMEOUT_MS = 20_000;
const READY_POLL_INTERVAL_MS = 30;
const READY_REQUEST_TIMEOUT_MS = 2_000;
/** A service finishes what it has begun, within a time of its own that is shorter than this. */
const STOP_TIMEOUT_MS = 1_500;
const KILL_TIMEOUT_MS = 300;

export function startService({ name, port, environment, logDirectory, onSpawn }: ServiceOptions): ServiceProcess {
  const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, name, 'src/main.ts')], {
    cwd: PROJECT_DIRECTORY,
    env: environment,
    // Ctrl-C in the terminal reaches the runner only; when the runner is gone, the closed IPC channel tells the service.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  if (child.pid === undefined) throw new Failure(`${name} could not be started: this machine runs no more processes.`);
  onSpawn(name, child.pid);
  const log = openServiceLog(logDirectory, name, [child.stdout, child.stderr]);
  const exited = once(child, 'exit');
  let asked = false;
  const died = exited.then(async ([code, signal]) => {
    await log.drained;
    if (asked) return new Promise<string>(() => {});
    const words = log.lastWords();
    if (words?.startsWith(`${name} cannot run: `)) return words;
    return `${name} stopped by itself (${signal ?? `exit code ${code}`}): see the end of ${shortPath(log.file)}.`;
  });
  const url = `http://${LOCAL_HOST}:${port}`;
  return {
    name,
    pid: child.pid,
    url,
    died,
    waitUntilReady: () => waitUntilReady(name, url, log.file),
    async stop() {
      asked = true;
      await endChild(name, child, exited);
      await log.drained;
    },
  };
}

async function waitUntilReady(name: ServiceName, url: string, logFile: string): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  let lastAnswer = 'nothing';
  while (performance.now() < deadline) {
    try {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(READY_REQUEST_TIMEOUT_MS) });
      const body = await response.text();
      if (response.status === 200) return;
      lastAnswer = `${response.status} ${body.trim()}`;
    } catch {
      // It does not listen yet.
    }
    await sleep(READY_POLL_INTERVAL_MS);
  }
  throw new Failure(
    `${name} was not ready within ${READY_TIMEOUT_MS / 1000} s; ${url}/readyz answers ${lastAnswer}: see ${shortPath(logFile)}.`,
  );
}

async function endChild(name: ServiceName, child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  const isGone = () => child.exitCode !== null || child.signalCode !== null;
  if (isGone()) return;
  child.kill('SIGTERM');
  await Promise.race([exited, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
  if (isGone()) return;
  console.error(`${name} did not stop within ${STOP_TIMEOUT_MS / 1000} s and was killed.`);
  child.kill('SIGKILL');
  await Promise.race([exited, sleep(KILL_TIMEOUT_MS, undefined, { ref: false })]);
}
