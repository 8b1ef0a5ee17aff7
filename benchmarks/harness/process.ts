import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Question, Reply } from './child.ts';

/** A child process: each server, client and load generator has its own. */
export interface BenchProcess extends AsyncDisposable {
  readonly pid: number;
  /** @throws {Error} when it fails, exits or does not reply in time */
  ask<T>(what: string, argument?: unknown, timeoutMs?: number): Promise<T>;
}

const REPLY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;
/** The end of stderr has the error of a process that crashed. */
const STDERR_LENGTH_MAX = 2_000;

/**
 * Standard output, with the request log of a measured server, goes to /dev/null.
 * @param file the module that the process runs; it calls `answerTo`
 * @param cores the cores that it may use, as in `taskset -c`; all by default
 */
export function startProcess(
  file: URL,
  args: readonly string[] = [],
  nodeOptions: readonly string[] = [],
  cores?: string,
): BenchProcess {
  // taskset replaces itself with Node, so the process and its IPC channel are the same.
  const program = cores
    ? { execPath: 'taskset', execArgv: ['-c', cores, process.execPath, ...nodeOptions] }
    : { execArgv: [...nodeOptions] };
  const child = fork(fileURLToPath(file), args, {
    ...program,
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  return new Child(child, [basename(file.pathname), ...args].join(' '));
}

class Child implements BenchProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #questions = 0;
  #stderr = '';
  #exited = false;

  constructor(child: ChildProcess, name: string) {
    this.pid = child.pid ?? 0;
    this.#child = child;
    this.#name = name;
    child.stderr?.on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_LENGTH_MAX);
    });
    child.on('message', ({ id, value, error }: Reply) => {
      if (error === undefined) this.#pending.get(id)?.resolve(value);
      else this.#pending.get(id)?.reject(new Error(error));
      this.#pending.delete(id);
    });
    child.once('exit', () => {
      this.#exited = true;
      for (const { reject } of this.#pending.values()) reject(this.#exitError());
      this.#pending.clear();
    });
  }

  async ask<T>(what: string, argument?: unknown, timeoutMs = REPLY_TIMEOUT_MS): Promise<T> {
    if (this.#exited) throw this.#exitError();
    const id = ++this.#questions;
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(id, pending);
    const late = () => pending.reject(new Error(`${this.#name} did not reply within ${timeoutMs} ms`));
    const timer = setTimeout(late, timeoutMs);
    this.#child.send({ id, what, argument } satisfies Question, (error) => error && pending.reject(error));
    try {
      return (await pending.promise) as T;
    } finally {
      clearTimeout(timer);
    }
  }

  #exitError(): Error {
    const lines = this.#stderr.split('\n').map((line) => line.trim());
    const why = lines.find((line) => /Error/.test(line)) ?? lines.find((line) => line !== '') ?? 'no output on stderr';
    return new Error(`${this.#name} exited: ${why}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exited) return;
    const exit = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    const stopped = await Promise.race([exit.then(() => true), sleep(STOP_TIMEOUT_MS, false, { ref: false })]);
    if (!stopped) this.#child.kill('SIGKILL');
  }
}
