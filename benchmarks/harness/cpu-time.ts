import { readdirSync, readFileSync } from 'node:fs';

/** /proc reports CPU time in hundredths of a second. */
const MICROS_PER_TICK = 10_000;

interface Stat {
  readonly parent: number;
  readonly micros: number;
  /** Of its children that have exited. */
  readonly childrenMicros: number;
}

/** Microseconds of CPU that a process has used; NaN where the system has no /proc. */
export function cpuOf(pid: number): number {
  return readStat(pid)?.micros ?? Number.NaN;
}

/** The parent of a Postgres backend; it runs as long as Postgres does. */
export function postmasterOf(backend: number): number {
  return readStat(backend)?.parent ?? 0;
}

/** The same for a whole Postgres: postmaster and backends. */
export function cpuOfPostgres(postmaster: number): number {
  const main = readStat(postmaster);
  if (!main) return Number.NaN;
  const children = listPids().flatMap((pid) => readStat(pid) ?? []);
  return children
    .filter(({ parent }) => parent === postmaster)
    .reduce((sum, { micros }) => sum + micros, main.micros + main.childrenMicros);
}

/** Microseconds of CPU of the backends that run now, by the role that they serve. Postgres names it in the title of the process. */
export function cpuOfBackends(postmaster: number): Map<string, number> {
  const sums = new Map<string, number>();
  for (const pid of listPids()) {
    const stat = readStat(pid);
    if (stat?.parent !== postmaster) continue;
    const [, role] = BACKEND_TITLE.exec(readTitle(pid)) ?? [];
    if (role !== undefined) sums.set(role, (sums.get(role) ?? 0) + stat.micros);
  }
  return sums;
}

/** `postgres: loms loms 127.0.0.1(41234) idle`: role, database, client. */
const BACKEND_TITLE = /^postgres: (\S+) \S+ [\d.:]+\(\d+\)/;

function readTitle(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function listPids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** See proc_pid_stat(5). The name in parentheses may contain any character, so fields are counted after it. */
function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
    return {
      parent: fields[1] ?? 0,
      micros: (user + system) * MICROS_PER_TICK,
      childrenMicros: (childUser + childSystem) * MICROS_PER_TICK,
    };
  } catch {
    return undefined;
  }
}
