/** A percentile of the latencies of one method, in memory that does not grow with the calls. */
export interface LatencyPercentile {
  record(ms: number): void;
  /** In milliseconds, up to 9 % too long. Undefined until enough calls were recorded. */
  readonly ms: number | undefined;
}

/** Fewer say nothing about the slow ones among them. */
const SAMPLES_MIN = 100;
/** At this many, all counts are halved: a change of the peer shows after a few hundred calls. */
const SAMPLES_MAX = 1_000;
/** The percentile is computed once in so many calls, since that reads all buckets. */
const CALLS_PER_ESTIMATE = 16;

/** Buckets grow by 2^(1/8), 9 %, from an eighth of a millisecond to a minute; 608 bytes a method. */
const BUCKETS_PER_OCTAVE = 8;
const OCTAVES_BELOW_MS = 3;
const OCTAVES_ABOVE_MS = 16;
const BUCKETS = (OCTAVES_BELOW_MS + OCTAVES_ABOVE_MS) * BUCKETS_PER_OCTAVE;

/** @param percentile above 0 and below 100 */
export function createLatencyPercentile(percentile: number): LatencyPercentile {
  const counts = new Float32Array(BUCKETS);
  let samples = 0;
  let untilEstimate = SAMPLES_MIN;
  let ms: number | undefined;

  function halve(): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) counts[bucket] = (counts[bucket] as number) / 2;
    samples /= 2;
  }

  function estimate(): number {
    let above = samples * (1 - percentile / 100);
    let bucket = BUCKETS;
    while (bucket > 1 && above >= (counts[bucket - 1] as number)) {
      bucket -= 1;
      above -= counts[bucket] as number;
    }
    return 2 ** (bucket / BUCKETS_PER_OCTAVE - OCTAVES_BELOW_MS);
  }

  return {
    record(latencyMs) {
      const bucket = Math.floor((Math.log2(latencyMs) + OCTAVES_BELOW_MS) * BUCKETS_PER_OCTAVE);
      const within = Math.min(BUCKETS - 1, Math.max(0, bucket));
      counts[within] = (counts[within] as number) + 1;
      samples += 1;
      if (samples >= SAMPLES_MAX) halve();
      untilEstimate -= 1;
      if (untilEstimate > 0) return;
      untilEstimate = CALLS_PER_ESTIMATE;
      ms = estimate();
    },
    get ms() {
      return ms;
    },
  };
}
