import { setTimeout as sleep } from 'node:timers/promises';
import type { Plan } from './plan.ts';
import { type Supervision, supervise } from './supervise.ts';

/**
 * Supervises a plan in a process of its own, for programs that run as another user than the runner, or that do not notice
 * the runner's end. It stops on a message, on SIGTERM, or when the channel to the runner closes. Its output is the log.
 */
export type ToSupervisor = { kind: 'start'; plan: Plan } | { kind: 'stop' };
export type FromSupervisor =
  | { kind: 'progress'; text: string }
  | { kind: 'spawned'; name: string; pid: number }
  | { kind: 'ready' }
  | { kind: 'failed'; what: string };

/** The runner's end stops the services at the same moment: they have this time to finish their work. */
const ORPHANED_GRACE_MS = 700;

let supervision: Supervision | undefined;

process.on('message', (message: ToSupervisor) => {
  if (message.kind === 'stop') void stop();
  else void start(message.plan);
});
process.on('disconnect', () => void sleep(ORPHANED_GRACE_MS).then(stop));
process.on('SIGTERM', stop);
// The runner answers Ctrl-C and a closed terminal.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});

async function start(plan: Plan): Promise<void> {
  supervision = supervise(plan, {
    onSpawn({ name }, { pid = 0, stdout }) {
      report({ kind: 'spawned', name, pid });
      stdout?.pipe(process.stdout, { end: false });
    },
    onProgress: (text) => report({ kind: 'progress', text }),
    explain: (what) => what,
  });
  void supervision.lost.then(fail);
  await supervision.start().then(
    () => report({ kind: 'ready' }),
    (error: Error) => fail(error.message),
  );
}

async function fail(what: string): Promise<void> {
  process.exitCode = 1;
  report({ kind: 'failed', what });
  await stop();
}

async function stop(): Promise<void> {
  await supervision?.stop();
  process.exit();
}

function report(message: FromSupervisor): void {
  // The callback takes the error of a channel that closes just now, which would end this process before its programs.
  if (process.connected) process.send?.(message, () => {});
}
