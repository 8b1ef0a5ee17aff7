import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CpuProfile, fromCpuProfile, type ProfileWindow, summarize } from 'tools/profile';

const SAMPLING_MICROS = 200;
const LINES_MAX = 30;

/** The options of a Node process that leaves its profile in the folder when it ends. */
export function profiling(folder: string): string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${SAMPLING_MICROS}`];
}

export async function readProfile(folder: string): Promise<CpuProfile> {
  const [file = ''] = await readdir(folder);
  return JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile;
}

interface Described {
  /** The part of the profile that counts. */
  readonly window: ProfileWindow;
  readonly cpuMicrosPerCall: number;
  /** Matches the places of functions that the time is attributed to. */
  readonly ours: RegExp;
}

/** The profile's clock. */
export function hrtimeMicros(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/**
 * The profiler samples by the clock, also while the process waits for a processor. So only the shares come from it; times
 * are shares of the CPU time that the system has counted.
 */
export function describeProfile(profile: CpuProfile, { window, cpuMicrosPerCall, ours }: Described): string[] {
  const { tree } = fromCpuProfile(profile, window);
  const format = (cost: number): string => `${((cost / tree.total) * cpuMicrosPerCall).toFixed(2)} µs`;
  return [
    `${cpuMicrosPerCall.toFixed(1)} µs of CPU time a call, with the profiler's own cost`,
    ...summarize(tree, { format, linesMax: LINES_MAX, ours }),
  ];
}
