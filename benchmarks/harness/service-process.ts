import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pickFreePorts } from 'testing';

export interface ServiceProcess extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
}

export interface ServiceOptions {
  readonly service: 'loms' | 'notifications';
  /** Of its log file. Default: the service's name. */
  readonly name?: string;
  /** The folder of its checkout. Default: this one. */
  readonly project?: string | undefined;
  /** The folder of its log file. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly nodeOptions?: readonly string[];
}

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const READY_TIMEOUT_MS = 20_000;
const POLL_MS = 50;
/** Longer than a service takes to drain. */
const STOP_TIMEOUT_MS = 6_000;

/** Starts a service as in production, in its own process; it logs at the default level, to a file. */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const { service, name = service, project = PROJECT, folder, environment, nodeOptions = [] } = options;
  const main = join(project, service, 'src/main.ts');
  const [port = 0] = await pickFreePorts(1);
  const logFile = join(folder, `${name}.log`);
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, [...nodeOptions, main], {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', PORT: String(port), ACCESS: 'open', ...environment },
    // The service stops when this channel closes, so it never outlives the benchmark.
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const exit = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const gone = await Promise.race([exit, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    if (gone === undefined) child.kill('SIGKILL');
  };
  const url = `http://127.0.0.1:${port}`;
  if (await isReady(url, () => child.exitCode === null)) {
    return { url, port, pid: child.pid ?? 0, [Symbol.asyncDispose]: stop };
  }
  await stop();
  const lastLine = readFileSync(logFile, 'utf8').trim().split('\n').at(-1);
  throw new Error(`${name} was not ready within ${READY_TIMEOUT_MS / 1_000} s; its last line: ${lastLine}`);
}

async function isReady(url: string, isAlive: () => boolean): Promise<boolean> {
  const until = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < until && isAlive()) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return true;
    await sleep(POLL_MS);
  }
  return false;
}
