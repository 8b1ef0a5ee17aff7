import { type Offered, openLoop, type Pace } from 'storm/open-loop';
import { percentile } from './figure.ts';

export interface OpenSample extends Offered {
  readonly succeeded: number;
  /** Without the expected answer. */
  readonly failed: number;
  /** From the time at which the work was due. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** An open loop, measured. A lane that throws has failed. */
export async function measureOpenLoop(lanes: readonly (() => Promise<boolean>)[], pace: Pace): Promise<OpenSample> {
  const latencies = new Float64Array(Math.floor(pace.perSecond * pace.seconds));
  let [succeeded, failed] = [0, 0];
  const offered = await openLoop({
    ...pace,
    lanes: lanes.map((lane) => () => lane().catch(() => false)),
    onEnd(isCorrect, ms) {
      if (isCorrect) latencies[succeeded++] = ms;
      else failed++;
    },
  });
  const sorted = latencies.subarray(0, succeeded).sort();
  const at = (share: number): number => percentile(sorted, share);
  return { ...offered, succeeded, failed, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: at(1) };
}
