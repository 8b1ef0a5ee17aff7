import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import { shortPath } from '../mesh-config.ts';
import type { Launch } from '../postgres/postgres-user.ts';
import { awaitEnd, hasEnded } from './child-end.ts';
import { readLastComplaint } from './log-files.ts';
import { type Plan, STOP_STEPS } from './plan.ts';
import type { Supervision } from './supervise.ts';
import type { FromSupervisor, ToSupervisor } from './supervisor-process.ts';

type SupervisorOptions = {
  /** As the run record lists the supervisor. */
  name: string;
  plan: Plan;
  launchAs?(launch: Launch): Launch;
  cwd: string;
  env: NodeJS.ProcessEnv;
  logFile: string;
  /** Called for the supervisor and for each program it starts, as soon as the pid is known. */
  onSpawn?(name: string, pid: number): void;
  onProgress?(text: string): void;
};

const SCRIPT = join(import.meta.dirname, 'supervisor-process.ts');

/** Runs a plan in a process of its own, which outlives a runner that is killed, and then stops what it has started. */
export function spawnSupervisor({ plan, logFile, ...options }: SupervisorOptions): Supervision {
  const child = spawnProcess({ plan, logFile, ...options });
  const ready = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<string>();
  // A supervisor may end before start is called.
  ready.promise.catch(() => {});
  let isStopping = false;
  let reason: string | undefined;

  child.on('message', (message: FromSupervisor) => {
    if (message.kind === 'spawned') options.onSpawn?.(message.name, message.pid);
    else if (message.kind === 'progress') options.onProgress?.(message.text);
    else if (message.kind === 'ready') ready.resolve();
    else reason ??= message.what;
  });
  const ended = awaitEnd(child).then((how) => {
    const complaint = readLastComplaint(logFile);
    const sentences = [
      `${reason ?? `The ${options.name} stopped by itself (${how})`}.`,
      complaint === undefined ? '' : `Its last complaint: ${complaint}.`,
      `Its log is ${shortPath(logFile)}.`,
    ];
    const text = sentences.filter((sentence) => sentence !== '').join(' ');
    ready.reject(new Failure(text));
    if (!isStopping) lost.resolve(text);
  });

  return {
    async start() {
      send(child, { kind: 'start', plan });
      await ready.promise;
    },
    lost: lost.promise,
    async stop() {
      isStopping = true;
      send(child, { kind: 'stop' });
      const waitMs = STOP_STEPS.supervisor.reduce((sum, step) => sum + step.waitMs, 0);
      await Promise.race([ended, sleep(waitMs, undefined, { ref: false })]);
      if (!hasEnded(child)) child.kill('SIGKILL');
    },
  };
}

function spawnProcess({ name, launchAs, cwd, env, logFile, onSpawn }: SupervisorOptions): ChildProcess {
  const launch: Launch = { command: process.execPath, arguments: [SCRIPT] };
  const as = launchAs?.(launch) ?? launch;
  const log = openSync(logFile, 'a');
  try {
    // A process group of its own: Ctrl-C in the terminal reaches the runner only, which stops all in order.
    const child = spawn(as.command, as.arguments, {
      ...as.ids,
      cwd,
      env,
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
    });
    if (child.pid !== undefined) onSpawn?.(name, child.pid);
    return child;
  } finally {
    closeSync(log);
  }
}

function send(child: ChildProcess, message: ToSupervisor): void {
  // A supervisor that has ended has no channel, and `lost` reports its end.
  if (child.connected) child.send(message, () => {});
}
