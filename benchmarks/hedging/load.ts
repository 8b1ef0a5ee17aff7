import { createBalancer, createClient, createHttpTransport, createRetryBudget, hedging, retry } from 'rpc-kit';
import type { Pace } from 'storm/open-loop';
import { answerTo, cpuMicros } from '../harness/child.ts';
import { measureOpenLoop, type OpenSample } from '../harness/open-loop.ts';
import { lookup, TAILS } from './variants.ts';

export interface TailSample extends OpenSample {
  readonly cpuMicros: number;
  readonly hedges: number;
}

/** More than there are calls in flight at this pace, even if all stall. */
const LANES = 200;

/** One caller: `load.ts <index of its variant> <URL> <URL>`. It keeps its estimate of the latency from run to run. */
const [variant, ...endpoints] = process.argv.slice(2);
const hedge = TAILS[Number(variant)]?.hedge;
const budget = createRetryBudget();
let hedges = 0;
const on = {
  hedge() {
    hedges += 1;
  },
};
const transport = createBalancer({
  endpoints,
  connect: (url) => createHttpTransport(url, { userAgent: 'benchmark/1', batching: false }),
});
const interceptors = [retry({ budget }), ...(hedge ? [hedging({ budget, ...hedge, on })] : [])];
const client = createClient(lookup, transport, { interceptors });
const lane = async () => (await client.find({ key: 1n })).found === 1n;

answerTo({
  async run(pace: Pace): Promise<TailSample> {
    const [cpuBefore, hedgesBefore] = [cpuMicros(), hedges];
    const sample = await measureOpenLoop(new Array<typeof lane>(LANES).fill(lane), pace);
    return { ...sample, cpuMicros: cpuMicros() - cpuBefore, hedges: hedges - hedgesBefore };
  },
});
