import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { startCheckout } from 'checkout/testing';
import { startLoms } from 'loms/testing';
import type { RunningService } from '../../src/running-service.ts';
import { readTestFolder } from '../../src/test-folder.ts';

const START = { loms: startLoms, checkout: startCheckout };
export type MortalName = keyof typeof START;

export interface MortalService extends AsyncDisposable {
  /** Settles with the signal or exit code of the process, once its successor answers. */
  readonly died: Promise<string>;
}

/** Runs the service in a process that dies at the point, and then starts an ordinary one. */
export async function startMortal<N extends MortalName>(
  name: N,
  point: string,
  options: Parameters<(typeof START)[N]>[0],
  onDeath: () => Promise<void>,
): Promise<MortalService> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'dying-service.ts')], {
    env: {
      ...process.env,
      SERVICE: name,
      CRASH_AT: point,
      OPTIONS: JSON.stringify(options),
      NODE_COMPILE_CACHE: join(readTestFolder(), 'compile-cache'),
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code, signal]) => signal ?? `exit code ${code}`);
  const listening = once(child, 'message').then(() => undefined);
  const failure = await Promise.race([listening, ended]);
  if (failure !== undefined) throw new Error(`${name} did not start: ${failure}`);

  let closing = false;
  let successor: RunningService | undefined;
  const died = ended.then(async (end) => {
    if (closing) return end;
    await onDeath();
    successor = await START[name](options as never);
    return end;
  });
  died.catch(() => {});
  return {
    died,
    async [Symbol.asyncDispose]() {
      closing = true;
      child.kill('SIGKILL');
      await died.catch(() => {});
      await successor?.[Symbol.asyncDispose]();
    },
  };
}
