import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CpuProfile, fromCpuProfile, type ProfileWindow, summarize } from 'tools/profile';
import type { Sample } from './closed-loop.ts';

const SAMPLING_MICROS = 200;
const LINES_MAX = 30;

export interface Profiled {
  warmUp(): Promise<unknown>;
  run(): Promise<Sample>;
  /** Microseconds of CPU time that the profiled process has used. */
  cpu(): Promise<number>;
}

/**
 * Runs one process under Node's profiler and prints where its time goes.
 * @param start starts the process with these options of Node
 * @param ours matches the files whose functions the time is attributed to
 */
export async function printProfile(
  start: (stack: AsyncDisposableStack, nodeOptions: readonly string[]) => Promise<Profiled>,
  ours: RegExp,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'benchmark-profile-'));
  try {
    const measured = await runUnder(folder, start);
    const [file = ''] = await readdir(folder);
    const profile = JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile;
    for (const line of describe(profile, measured, ours)) console.log(line);
  } finally {
    await rm(folder, { recursive: true });
  }
}

interface Measured {
  /** The part of the profile that counts. */
  readonly window: ProfileWindow;
  readonly cpuMicrosPerCall: number;
}

/** Disposes the stack before it resolves: Node writes the profile when the process ends. */
async function runUnder(folder: string, start: Parameters<typeof printProfile>[0]): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const nodeOptions = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${SAMPLING_MICROS}`];
  const profiled = await start(stack, nodeOptions);
  await profiled.warmUp();
  const cpuBefore = await profiled.cpu();
  const from = hrtimeMicros();
  const { callsAll } = await profiled.run();
  return {
    window: { from, to: hrtimeMicros() },
    cpuMicrosPerCall: ((await profiled.cpu()) - cpuBefore) / callsAll,
  };
}

/** The profile's clock. */
function hrtimeMicros(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/**
 * The profiler samples by wall-clock time, also while the process waits for a processor. So the profile gives only the
 * shares; the times are these shares of the CPU time that the system has counted.
 */
function describe(profile: CpuProfile, { window, cpuMicrosPerCall }: Measured, ours: RegExp): string[] {
  const { tree } = fromCpuProfile(profile, window);
  const format = (cost: number): string => `${((cost / tree.total) * cpuMicrosPerCall).toFixed(2)} µs`;
  return [
    `${cpuMicrosPerCall.toFixed(1)} µs of CPU time a call, with the profiler's own cost`,
    ...summarize(tree, { format, linesMax: LINES_MAX, ours }),
  ];
}
