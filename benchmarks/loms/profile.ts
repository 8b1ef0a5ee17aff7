import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { describeProfile, hrtimeMicros, profiling, readProfile } from '../harness/cpu-profile.ts';
import { openLomsAlone } from './field.ts';
import { warmUp } from './measure.ts';
import type { Options } from './options.ts';

const OURS = /^(loms|service-kit|rpc-kit)\/src\//;
const WARM_UP = { warmUpOrders: 3_000, warmUpSecondsMax: 30 };
const MEASURE_MS = 8_000;

/** Runs loms under Node's profiler and prints where its time goes. A call is an order that is made and payed. */
export async function profileLoms(
  { connections }: Options,
  server: string,
  log: (line: string) => void,
): Promise<void> {
  const folder = await mkdtemp(join(server, 'profile-'));
  log(`${WARM_UP.warmUpOrders} orders of warm-up, then ${MEASURE_MS / 1_000} s under the profiler`);
  const timing = { concurrency: connections, warmUpMs: 0 };
  const { window, cpuMicrosPerCall } = await (async () => {
    // Its process has ended, and so its profile is written, when this comes back.
    await using stack = new AsyncDisposableStack();
    const loms = await openLomsAlone(stack, { connections, folder: server, nodeOptions: profiling(folder) });
    await warmUp(loms, { connections, ...WARM_UP });
    const cpuBefore = await loms.cpu();
    const from = hrtimeMicros();
    const { callsAll } = await loms.run('spread', { ...timing, measureMs: MEASURE_MS });
    await loms.settle();
    return { window: { from, to: hrtimeMicros() }, cpuMicrosPerCall: ((await loms.cpu()) - cpuBefore) / callsAll };
  })();
  const found = await readProfile(folder);
  for (const line of describeProfile(found, { window, cpuMicrosPerCall, ours: OURS })) log(line);
}
