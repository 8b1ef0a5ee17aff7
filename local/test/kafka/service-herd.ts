import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from '../../src/mesh-config.ts';

/** Real processes of one service, which come and go, some of them by kill -9. */
export interface Herd extends AsyncDisposable {
  /** Starts one more, with variables of its own beside those of all, and waits until it listens. */
  add(own?: NodeJS.ProcessEnv): Promise<void>;
  /** Kills the oldest, as a power cut would. */
  killOldest(): Promise<void>;
  /** Asks the oldest to stop in good order. */
  stopOldest(): Promise<void>;
}

export function createHerd(service: 'loms' | 'notifications', environment: NodeJS.ProcessEnv): Herd {
  const alive: ChildProcess[] = [];

  async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
    if (!child) throw new Error(`no ${service} is left`);
    alive.splice(alive.indexOf(child), 1);
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`a ${service} had ended by itself`);
    child.kill(signal);
    await once(child, 'exit');
  }

  return {
    async add(own = {}) {
      const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, service, 'src/main.ts')], {
        env: { ...process.env, PORT: '0', LOG_LEVEL: 'info', ...environment, ...own },
        // Its starter's end is its own: run() heeds the closed channel.
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      });
      alive.push(child);
      let said = '';
      const listening = new Promise<void>((resolve) => {
        child.stdout?.setEncoding('utf8').on('data', (text: string) => {
          if (said.includes('"listening"')) return;
          said += text;
          if (said.includes('"listening"')) resolve();
        });
      });
      const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${service} did not start: ${said}`)));
      ended.catch(() => {});
      await Promise.race([listening, ended]);
    },
    killOldest: () => end(alive[0], 'SIGKILL'),
    stopOldest: () => end(alive[0], 'SIGTERM'),
    async [Symbol.asyncDispose]() {
      await Promise.all([...alive].map((child) => end(child, 'SIGKILL').catch(() => {})));
    },
  };
}
