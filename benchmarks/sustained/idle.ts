import { setTimeout as sleep } from 'node:timers/promises';
import { type Cpu, cpuBetween, readCpu } from './cpu.ts';
import { openSustainedMesh, type Way } from './mesh.ts';

export interface IdleFigures {
  readonly way: Way;
  readonly seconds: number;
  readonly cpu: Cpu;
}

/** After the start, while V8 still compiles and connections are opened. */
const SETTLE_MS = 20_000;

/** The CPU time of a mesh that nobody calls, by process. */
export async function measureIdle(
  way: Way,
  seconds: number,
  checkout: string | undefined,
  log: (line: string) => void,
): Promise<IdleFigures> {
  await using mesh = await openSustainedMesh(way, checkout);
  log(`Idle: ${SETTLE_MS / 1_000} s until the mesh is quiet, then ${seconds} s`);
  await sleep(SETTLE_MS);
  const before = readCpu(mesh);
  const startedAt = performance.now();
  await sleep(seconds * 1_000);
  const cpu = cpuBetween(before, readCpu(mesh));
  return { way, seconds: (performance.now() - startedAt) / 1_000, cpu };
}
