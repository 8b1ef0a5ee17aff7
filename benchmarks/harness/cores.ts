import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Lists of cores as taskset reads them: `1`, `0-2,5`. */
export interface Cores {
  /** The measured process has this core alone, as far as this benchmark decides. */
  readonly measured: string;
  /** Its load and peers run on all the others. */
  readonly others: string;
}

/** `undefined` where there is one core only, or no taskset: then the scheduler moves all processes as it likes. */
export function pickCores(): Cores | undefined {
  const [measured, ...others] = allowedCores().reverse();
  if (measured === undefined || others.length === 0) return undefined;
  if (spawnSync('taskset', ['-c', String(measured), 'true']).status !== 0) return undefined;
  return { measured: String(measured), others: others.join() };
}

/** A container may allow any subset of the machine's cores. */
function allowedCores(): number[] {
  try {
    const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return list.split(',').flatMap((range) => {
      const [from = 0, to = from] = range.split('-').map(Number);
      return Array.from({ length: to - from + 1 }, (_, index) => from + index);
    });
  } catch {
    return [];
  }
}
