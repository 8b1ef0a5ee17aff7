import { DATABASES, SERVICES } from 'mesh';
import { cpuOf, cpuOfBackends, cpuOfPostgres } from '../harness/cpu-time.ts';
import type { SustainedMesh } from './mesh.ts';

/** Microseconds of CPU by process. */
export type Cpu = ReadonlyMap<string, number>;

const SUPERVISORS = ['database supervisor', 'Kafka supervisor'];

/** The CPU time that every process of the mesh has used so far. */
export function readCpu({ mesh, pidsOf }: SustainedMesh): Cpu {
  const of = (...names: readonly string[]): number => sumOf(names.flatMap(pidsOf).map((pid) => cpuOf(pid) || 0));
  const [postmaster = 0] = pidsOf('postgres');
  const backends = cpuOfBackends(postmaster);
  return new Map([
    ...SERVICES.map((name): [string, number] => [name, of(name)]),
    ...DATABASES.flatMap((name): [string, number][] => [
      [`pgbouncer of ${name}`, of(`pgbouncer-${name}`)],
      [`Postgres for ${name}`, backends.get(name) ?? 0],
    ]),
    // WAL writer, checkpointer, autovacuum, I/O workers, and connections that have ended.
    ['Postgres, shared', cpuOfPostgres(postmaster) - sumOf(backends.values())],
    ['Kafka', of('kafka')],
    ['make run-all and its supervisors', (cpuOf(mesh.pid) || 0) + of(...SUPERVISORS)],
  ]);
}

/** Whether a process neither makes orders nor handles events. */
export function isBystander(process: string): boolean {
  return /checkout|products|accounts|gateway/.test(process);
}

export function handlesOnlyEvents(process: string): boolean {
  return /notifications|Kafka/.test(process);
}

export function cpuBetween(before: Cpu, after: Cpu): Cpu {
  return new Map([...after].map(([name, micros]) => [name, micros - (before.get(name) ?? 0)]));
}

export function totalOf(cpu: Cpu): number {
  return sumOf(cpu.values());
}

function sumOf(values: Iterable<number>): number {
  return [...values].reduce((sum, value) => sum + value, 0);
}
