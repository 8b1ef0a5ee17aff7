import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import { shortPath } from '../mesh-config.ts';
import { type Launch, launchAs, type PostgresUser } from '../postgres/postgres-user.ts';
import { awaitEnd } from './child-end.ts';
import type { FromKeeper, KeeperTask, ToKeeper } from './keeper-protocol.ts';
import { readLastComplaint } from './log-files.ts';

/** The keeper's own steps take up to about 4 s when everything hangs; an ordinary stop takes a tenth of one. */
const STOP_TIMEOUT_MS = 4_500;

export type Keeper = {
  /** Settles when Postgres and the pgbouncers answer. */
  start(): Promise<void>;
  /** Settles with a sentence when the database is gone although nobody asked it to go. */
  lost: Promise<string>;
  stop(): Promise<void>;
};

export type KeeperOptions = {
  task: KeeperTask;
  user: PostgresUser;
  logFile: string;
  /** Called for the keeper and for each process it starts, as soon as its pid is known. */
  onSpawn(name: string, pid: number): void;
  onProgress?(text: string): void;
};

export function spawnKeeper(options: KeeperOptions): Keeper {
  const child = spawnChild(options);
  const ended = awaitEnd(child);
  const ready = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<string>();
  // Whoever waits for `start` hears of it; where nobody has begun to wait, it is no unhandled rejection.
  ready.promise.catch(() => {});
  let asked = false;
  let reason: string | undefined;

  child.on('message', (message: FromKeeper) => {
    if (message.kind === 'spawned') options.onSpawn(message.name, message.pid);
    else if (message.kind === 'progress') options.onProgress?.(message.text);
    else if (message.kind === 'ready') ready.resolve();
    else reason = message.message;
  });
  void ended.then((how) => {
    const what = reason ?? `The keeper of the database stopped by itself (${how}).`;
    const sentence = `${what}${complaint(options.logFile)} Its log is ${shortPath(options.logFile)}.`;
    ready.reject(new Failure(sentence));
    if (!asked) lost.resolve(sentence);
  });

  return {
    async start() {
      tell(child, { kind: 'start', task: options.task });
      await ready.promise;
    },
    lost: lost.promise,
    async stop() {
      asked = true;
      tell(child, { kind: 'stop' });
      await Promise.race([ended, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    },
  };
}

function spawnChild({ task, user, logFile, onSpawn }: KeeperOptions): ChildProcess {
  const script = join(import.meta.dirname, 'keeper.ts');
  const programs = task.postgres === undefined ? [] : [task.postgres.initdb, task.postgres.postgres];
  const data = task.postgres === undefined ? [] : [task.postgres.directory];
  const launch: Launch = { command: process.execPath, arguments: [script, ...data] };
  const as = launchAs(user, launch, {
    executable: [process.execPath, ...programs],
    readable: [...data, script],
  });
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(as.command, as.arguments, {
      ...as.ids,
      // A process group of its own: Ctrl-C in the terminal reaches the runner only, who stops all in good order.
      detached: true,
      // The user may not be allowed to stand where we stand, and nothing of the caller's surroundings concerns Postgres.
      cwd: '/',
      env: { PATH: process.env.PATH, HOME: '/', LC_ALL: 'C' },
      stdio: ['ignore', log, log, 'ipc'],
    });
    if (child.pid !== undefined) onSpawn('keeper', child.pid);
    return child;
  } finally {
    closeSync(log);
  }
}

function tell(child: ChildProcess, message: ToKeeper): void {
  // A keeper that is gone already has no channel, and `lost` tells of it.
  if (child.connected) child.send(message, () => {});
}

function complaint(logFile: string): string {
  const line = readLastComplaint(logFile);
  return line === undefined ? '' : ` Its last complaint: ${line}.`;
}
