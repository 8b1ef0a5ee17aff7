import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import { awaitEnd, hasEnded } from './child-end.ts';
import type { Command, Plan, Preparation, Program } from './plan.ts';
import { checkReadiness } from './readiness.ts';

/** Started → ready → stopping → ended. A program that ends by itself stops all of them, unless it is restarted. */
export type Supervision = {
  /** Settles when every program is ready. */
  start(): Promise<void>;
  /** Settles with a sentence when a program failed to start or ended by itself. */
  lost: Promise<string>;
  stop(): Promise<void>;
};

type SuperviseOptions = {
  onSpawn(program: Command, child: ChildProcess): void;
  onProgress(text: string): void;
  /** Completes a sentence that lacks its full stop, for example by the path of the program's log. */
  explain(what: string, program: Command): string | Promise<string>;
};

const READY_POLL_INTERVAL_MS = 20;
/** After a kill -9 the old Postgres's last processes hold its shared memory for a moment, and a new one refuses to start. */
const START_PAUSE_MS = 500;
const KILL_WAIT_MS = 300;

/** Runs a plan's programs as children of this process. */
export function supervise(plan: Plan, { onSpawn, onProgress, explain }: SuperviseOptions): Supervision {
  const running = new Map<Command, ChildProcess>();
  const lost = Promise.withResolvers<string>();
  let stopped: Promise<void> | undefined;

  function launch(program: Command): ChildProcess {
    const { command, arguments: words, cwd, env, stdio = ['ignore', 'inherit', 'inherit'] } = program;
    // A process group of its own: Ctrl-C does not reach it, and a signal reaches the children that initdb leaves behind.
    const child = spawn(command, words, { cwd, env, stdio, detached: true });
    running.set(program, child);
    if (child.pid !== undefined) onSpawn(program, child);
    return child;
  }

  async function fail(program: Command, what: string): Promise<never> {
    refuseWhenStopped();
    void stop();
    const sentence = await explain(what, program);
    lost.resolve(sentence);
    throw new Failure(sentence);
  }

  function refuseWhenStopped(): void {
    if (stopped !== undefined) throw new Failure('The programs were stopped before they were ready.');
  }

  async function prepare(preparation: Preparation): Promise<void> {
    refuseWhenStopped();
    const { title, renames } = preparation;
    const how = await awaitEnd(launch(preparation));
    if (how !== SUCCESS) await fail(preparation, `${title} failed (${how})`);
    if (renames !== undefined) renameSync(renames.from, renames.to);
  }

  async function startProgram(program: Program, attempt = 1): Promise<void> {
    refuseWhenStopped();
    const child = launch(program);
    const ended = awaitEnd(child);
    const outcome = await waitUntilReady(program, child, ended);
    if (outcome === 'ready') {
      void ended.then((how) => restart(program, how));
    } else if ('missing' in outcome) {
      const { title, readyTimeoutMs } = program;
      await fail(program, `${title} was not ready within ${readyTimeoutMs / 1000} s: ${outcome.missing}`);
    } else if (attempt >= (program.startAttemptsMax ?? 1)) {
      await fail(program, `${program.title} stopped by itself (${outcome.how}) before it was ready`);
    } else {
      await sleep(START_PAUSE_MS);
      await startProgram(program, attempt + 1);
    }
  }

  function restart(program: Program, how: string, restarts = 0): void {
    const what = `${program.title} stopped by itself (${how})`;
    if (stopped !== undefined || restarts >= (program.restartsMax ?? 0)) {
      fail(program, what).catch(() => {});
      return;
    }
    onProgress(`${what} and is started again`);
    void awaitEnd(launch(program)).then((next) => restart(program, next, restarts + 1));
  }

  async function stopAll(): Promise<void> {
    const stopAtOnce = (programs: Command[]) =>
      Promise.all(programs.map((program) => endProgram(program, running.get(program))));
    await stopAtOnce(plan.preparations);
    const ends: Promise<unknown>[] = [];
    for (const tier of plan.tiers.toReversed()) {
      const end = stopAtOnce(tier);
      ends.push(end);
      await (plan.headStartMs === undefined ? end : Promise.race([end, sleep(plan.headStartMs)]));
    }
    await Promise.all(ends);
  }

  function stop(): Promise<void> {
    stopped ??= stopAll();
    return stopped;
  }

  return {
    async start() {
      for (const preparation of plan.preparations) await prepare(preparation);
      await Promise.all(plan.tiers.flat().map((program) => startProgram(program)));
    },
    lost: lost.promise,
    stop,
  };
}

const SUCCESS = 'exit code 0';

type StartOutcome = 'ready' | { missing: string } | { how: string };

async function waitUntilReady(program: Program, child: ChildProcess, ended: Promise<string>): Promise<StartOutcome> {
  const check = checkReadiness(program.ready, child);
  const deadline = performance.now() + program.readyTimeoutMs;
  while (!hasEnded(child)) {
    const missing = await check();
    if (missing === undefined) return 'ready';
    if (performance.now() > deadline) return { missing };
    await sleep(READY_POLL_INTERVAL_MS);
  }
  return { how: await ended };
}

async function endProgram({ title, stop }: Command, child: ChildProcess | undefined): Promise<void> {
  if (child?.pid === undefined) return;
  const waitMs = stop.reduce((sum, step) => sum + step.waitMs, 0);
  for (const step of [...stop, { signal: 'SIGKILL', waitMs: KILL_WAIT_MS } as const]) {
    if (hasEnded(child)) return;
    if (step.signal === 'SIGKILL') console.error(`${title} did not stop within ${waitMs / 1000} s and was killed.`);
    const exited = once(child, 'exit');
    signalGroup(child.pid, step.signal);
    await Promise.race([exited, sleep(step.waitMs)]);
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended just now.
  }
}
