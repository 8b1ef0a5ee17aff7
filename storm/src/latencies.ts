import { createHistogram } from 'node:perf_hooks';

/** Latencies in an HDR histogram (node:perf_hooks), whose size does not depend on their number. */
export interface Latencies {
  readonly count: number;
  readonly maxMs: number;
  record(ms: number): void;
  /** @param percent from 0 to 100 */
  percentileMs(percent: number): number;
}

/** Beyond the longest timeout of the contracts, 15 s. */
const LATENCY_MAX_MICROS = 60_000_000;
/** A precision of a thousandth of the value; latencies on a shared machine vary by more. */
const SIGNIFICANT_DIGITS = 3;

export function createLatencies(): Latencies {
  const micros = createHistogram({ lowest: 1, highest: LATENCY_MAX_MICROS, figures: SIGNIFICANT_DIGITS });
  return {
    get count() {
      return micros.count;
    },
    get maxMs() {
      return micros.max / 1_000;
    },
    record: (ms) => micros.record(Math.min(Math.max(1, Math.round(ms * 1_000)), LATENCY_MAX_MICROS)),
    percentileMs: (percent) => micros.percentile(percent) / 1_000,
  };
}
