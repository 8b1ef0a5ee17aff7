import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PROJECT_DIRECTORY } from 'mesh';

/** Real processes of one service, which start and end, some of them by kill -9. */
export interface Herd extends AsyncDisposable {
  /** Starts one more, with further variables, waits until it listens, and answers its URL. */
  add(own?: NodeJS.ProcessEnv): Promise<string>;
  /** Kills the oldest. */
  killOldest(): Promise<void>;
  killAll(): Promise<void>;
  /** Stops the oldest with SIGTERM. */
  stopOldest(): Promise<void>;
}

export function createHerd(service: 'loms' | 'notifications', environment: NodeJS.ProcessEnv): Herd {
  const alive: ChildProcess[] = [];

  async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
    if (!child) throw new Error(`no ${service} is left`);
    alive.splice(alive.indexOf(child), 1);
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`a ${service} had ended by itself`);
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async function killAll(): Promise<void> {
    await Promise.all([...alive].map((child) => end(child, 'SIGKILL')));
  }

  return {
    async add(own = {}) {
      const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, service, 'src/main.ts')], {
        env: { ...process.env, PORT: '0', LOG_LEVEL: 'info', ACCESS: 'open', ...environment, ...own },
        // It ends with this process: run() stops when the channel closes.
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      });
      alive.push(child);
      return urlOf(child, service);
    },
    killOldest: () => end(alive[0], 'SIGKILL'),
    killAll,
    stopOldest: () => end(alive[0], 'SIGTERM'),
    async [Symbol.asyncDispose]() {
      await killAll().catch(() => {});
    },
  };
}

/** Reads its URL from its log, which is read for as long as the process lives. */
async function urlOf(child: ChildProcess, service: string): Promise<string> {
  const listening = Promise.withResolvers<string>();
  const said: string[] = [];
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (said.at(-1)?.includes('"listening"')) return;
      said.push(line);
      if (line.includes('"listening"')) listening.resolve((JSON.parse(line) as { url: string }).url);
    });
  }
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${service} did not start: ${said.join('\n')}`);
  });
  ended.catch(() => {});
  return Promise.race([listening.promise, ended]);
}
