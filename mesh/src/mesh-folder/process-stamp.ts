import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import type { StopStep } from '../supervisor/plan.ts';

/**
 * Identifies a process for a later run. Pids are reused, so a pid alone may name another process by then; together with the
 * time of its start it names one process only.
 */
export type ProcessStamp = {
  name: string;
  pid: number;
  /** The time of its start. */
  identity: string;
  /** The process namespace of the pid: containers that share a folder have one each. */
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

/** Whether it belongs to another process namespace, whose processes are invisible here. */
export function isOutOfReach({ namespace }: ProcessStamp): boolean {
  return namespace !== identifyNamespace();
}

/** Sends one signal after the other and waits after each; answers whether the process has ended. */
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

/** undefined where no such process runs; a zombie does not run. */
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
    // A /proc of another namespace shows other processes under the pids that are signalled here.
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
      // The start time must not depend on the user's language and time zone.
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [state, ...started] = line.trim().split(/\s+/);
    return state === undefined || state === '' || state.startsWith('Z') ? undefined : started.join(' ');
  } catch {
    return undefined;
  }
}
