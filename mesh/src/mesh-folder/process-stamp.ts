import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import type { StopStep } from '../supervisor/plan.ts';

/**
 * A process as it can be found again by a later run. A pid alone says nothing, because pids are used again: with the time
 * at which the process started it names one process for good, so that no stranger is ever signalled.
 */
export type ProcessStamp = {
  name: string;
  pid: number;
  /** When it started. */
  identity: string;
  /** The process namespace in which the pid is meant: containers that share a folder have one each. */
  namespace?: string | undefined;
};

const POLL_INTERVAL_MS = 20;
const PS_TIMEOUT_MS = 2_000;
const WRONG_PROC =
  '/proc is missing or shows the processes of another namespace: mount it (unshare --mount-proc does), then call again.';

export function stampProcess(name: string, pid: number): ProcessStamp | undefined {
  const identity = identifyProcess(pid);
  return identity === undefined ? undefined : { name, pid, identity, namespace: identifyNamespace() };
}

export function isAlive({ pid, identity, namespace }: ProcessStamp): boolean {
  return namespace === identifyNamespace() && identifyProcess(pid) === identity;
}

/** Whether it belongs to another process namespace, where it may live without being seen from here. */
export function isOutOfReach({ namespace }: ProcessStamp): boolean {
  return namespace !== identifyNamespace();
}

/** Sends one signal after the other, waiting after each; answers whether the process is gone in the end. */
export async function stopProcess(stamp: ProcessStamp, steps: StopStep[]): Promise<boolean> {
  for (const { signal, waitMs } of steps) {
    if (!sendSignal(stamp, signal)) return true;
    if (await waitForEnd(stamp, waitMs)) return true;
  }
  return !isAlive(stamp);
}

export async function waitForEnd(stamp: ProcessStamp, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(stamp)) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_INTERVAL_MS);
  }
  return true;
}

function sendSignal(stamp: ProcessStamp, signal: NodeJS.Signals): boolean {
  if (!isAlive(stamp)) return false;
  try {
    process.kill(stamp.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** undefined where no such process runs; one that has ended and waits for its parent to notice does not run. */
function identifyProcess(pid: number): string | undefined {
  return process.platform === 'linux' ? identifyByProc(pid) : identifyByPs(pid);
}

function identifyByProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses and may hold anything, so fields count from the last ')'.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X') return undefined;
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${bootId} ${startTicks}`;
  } catch {
    return undefined;
  }
}

/** macOS has none. */
function identifyNamespace(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    // A /proc that was mounted in another namespace shows other processes under the pids that are signalled here.
    if (readlinkSync('/proc/self') === String(process.pid)) return readlinkSync('/proc/self/ns/pid');
  } catch {
    // It is not mounted at all.
  }
  throw new Failure(WRONG_PROC);
}

function identifyByPs(pid: number): string | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: PS_TIMEOUT_MS,
      // The start time has to read the same in every run, whatever the user's language and time zone.
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [state, ...started] = line.trim().split(/\s+/);
    return state === undefined || state === '' || state.startsWith('Z') ? undefined : started.join(' ');
  } catch {
    return undefined;
  }
}
