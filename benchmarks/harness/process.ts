import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Question, Reply } from './child.ts';

/** A process of the benchmark's own, one for each server, client and load generator. */
export interface BenchProcess extends AsyncDisposable {
  /** @throws {Error} when it failed, died or did not reply in time */
  ask<T>(what: string, argument?: unknown, timeoutMs?: number): Promise<T>;
}

const REPLY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;
/** The end of what a broken process wrote, which says why. */
const COMPLAINT_LENGTH_MAX = 2_000;

/**
 * Standard output goes to /dev/null, and with it the request log of a measured server.
 * @param file the module that the process runs; it calls `answerTo`
 */
export function startProcess(file: URL, args: readonly string[] = [], nodeOptions: readonly string[] = []) {
  const child = fork(fileURLToPath(file), args, {
    execArgv: [...nodeOptions],
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  return new Conversation(child, [basename(file.pathname), ...args].join(' '));
}

class Conversation implements BenchProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;
  #complaint = '';
  #exited = false;

  constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
    child.stderr?.on('data', (text) => {
      this.#complaint = (this.#complaint + text).slice(-COMPLAINT_LENGTH_MAX);
    });
    child.on('message', ({ id, value, error }: Reply) => {
      if (error === undefined) this.#waiting.get(id)?.resolve(value);
      else this.#waiting.get(id)?.reject(new Error(error));
      this.#waiting.delete(id);
    });
    child.once('exit', () => {
      this.#exited = true;
      for (const { reject } of this.#waiting.values()) reject(this.#ended());
      this.#waiting.clear();
    });
  }

  async ask<T>(what: string, argument?: unknown, timeoutMs = REPLY_TIMEOUT_MS): Promise<T> {
    if (this.#exited) throw this.#ended();
    const id = ++this.#asked;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    const late = () => waiting.reject(new Error(`${this.#name} did not reply within ${timeoutMs} ms`));
    const timer = setTimeout(late, timeoutMs);
    this.#child.send({ id, what, argument } satisfies Question, (error) => error && waiting.reject(error));
    try {
      return (await waiting.promise) as T;
    } finally {
      clearTimeout(timer);
    }
  }

  #ended(): Error {
    const lines = this.#complaint.split('\n').map((line) => line.trim());
    const why = lines.find((line) => /Error/.test(line)) ?? lines.find((line) => line !== '') ?? 'it said nothing';
    return new Error(`${this.#name} ended: ${why}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exited) return;
    const exit = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    const stopped = await Promise.race([exit.then(() => true), sleep(STOP_TIMEOUT_MS, false, { ref: false })]);
    if (!stopped) this.#child.kill('SIGKILL');
  }
}
