import { percentile } from './figure.ts';

/** How long and with how many calls at a time one measurement runs. */
export interface Timing {
  readonly concurrency: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** The result of one measurement. */
export interface Sample {
  /** Calls that started and ended within the measured time. */
  readonly calls: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** With the calls of the warm-up: CPU time is counted over the whole run. */
  readonly callsAll: number;
  /** Calls without the expected answer. */
  readonly failures: number;
}

/** Bounds the memory of a measurement; at 50,000 calls a second it is full after 20 s. */
const CALLS_MAX = 1_000_000;

/**
 * Every lane makes one call after the other until the time is over, so as many calls are in flight as there are lanes.
 * @param lanes each makes one call and resolves to whether the answer was correct
 */
export async function closedLoop(lanes: readonly (() => Promise<boolean>)[], timing: Timing): Promise<Sample> {
  const latencies = new Float64Array(CALLS_MAX);
  let calls = 0;
  let callsAll = 0;
  let failures = 0;
  const measureFrom = performance.now() + timing.warmUpMs;
  const measureTo = measureFrom + timing.measureMs;

  const drive = async (call: () => Promise<boolean>): Promise<void> => {
    for (let startedAt = performance.now(); startedAt < measureTo && calls < CALLS_MAX; ) {
      const isCorrect = await call();
      const endedAt = performance.now();
      callsAll++;
      if (!isCorrect) failures++;
      else if (startedAt >= measureFrom && endedAt <= measureTo) latencies[calls++] = endedAt - startedAt;
      startedAt = endedAt;
    }
  };
  await Promise.all(lanes.map(drive));

  const sorted = latencies.subarray(0, calls).sort();
  const seconds = (Math.min(performance.now(), measureTo) - measureFrom) / 1_000;
  return { calls, seconds, p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99), callsAll, failures };
}
