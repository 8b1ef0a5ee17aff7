import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** An example in a process of its own. */
export interface Program {
  /** Its first address. */
  readonly url: string;
  /** Its lines of output so far. */
  readonly lines: readonly string[];
  /** Gives the exit code; null when the signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts a file of this folder's examples, and waits until it has named as many addresses as it serves. */
export async function startProgram(
  stack: AsyncDisposableStack,
  file: string,
  environment: Readonly<Record<string, string>> = {},
  addresses = 1,
): Promise<Program> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(`../${file}`, import.meta.url))], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const lines: string[] = [];
  const urls: string[] = [];
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return (await ended)[0];
  };
  stack.defer(async () => {
    await stop();
  });
  const serving = Promise.withResolvers<void>();
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line);
    urls.push(...(line.match(/\bhttp:\/\/[\d.:]+/g) ?? []));
    if (urls.length >= addresses) serving.resolve();
  });
  void ended.then(() => serving.reject(new Error(`${file} ended before it served`)));
  await serving.promise;
  return { url: urls[0] ?? '', lines, stop };
}
