import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeProfile, hrtimeMicros, profiling, readProfile } from '../harness/cpu-profile.ts';
import { CLIENTS, SERVERS } from './contenders.ts';
import { startClients, startServers } from './contestants.ts';
import type { Options } from './options.ts';

const OURS = /^rpc-kit\/src\//;
const WARM_UP_MS = 2_000;
const MEASURE_MS = 6_000;

/** Runs one contender under Node's profiler and prints where its time goes. */
export async function profile(name: string, options: Options, log: (line: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'rpc-kit-profile-'));
  try {
    const nodeOptions = profiling(folder);
    log(
      `${name}, ${options.method}: ${WARM_UP_MS / 1_000} s of warm-up, then ${MEASURE_MS / 1_000} s under the profiler`,
    );
    const { window, cpuMicrosPerCall } = await runContender(name, options, nodeOptions);
    const found = await readProfile(folder);
    for (const line of describeProfile(found, { window, cpuMicrosPerCall, ours: OURS })) log(line);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Its process has ended, and so its profile is written, when this comes back. */
async function runContender(name: string, { method, timing }: Options, nodeOptions: readonly string[]) {
  await using processes = new AsyncDisposableStack();
  const isIt = (contender: { readonly name: string }): boolean => contender.name === name;
  const { contestants, leftOut } = SERVERS.some(isIt)
    ? await startServers(processes, SERVERS.filter(isIt), nodeOptions)
    : await startClients(processes, CLIENTS.filter(isIt), nodeOptions);
  const [contestant] = contestants;
  if (!contestant) throw new Error(leftOut.join('; '));
  await contestant.run(method, { ...timing, warmUpMs: 0, measureMs: WARM_UP_MS });
  const cpuBefore = await contestant.cpu();
  const from = hrtimeMicros();
  const { callsAll } = await contestant.run(method, { ...timing, warmUpMs: 0, measureMs: MEASURE_MS });
  const window = { from, to: hrtimeMicros() };
  return { window, cpuMicrosPerCall: ((await contestant.cpu()) - cpuBefore) / callsAll };
}
