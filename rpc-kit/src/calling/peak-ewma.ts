/** How a call ended: decides what its duration says about the endpoint. */
export type LoadOutcome = 'answered' | 'failed' | 'withdrawn';

/** The load of one endpoint. */
export interface PeakEwma {
  /** A call begins. Call the returned function once, when it has ended. */
  begin(): (outcome: LoadOutcome) => void;
  /**
   * The cost of one more call: the recent latency times the calls that would then be in flight, which count less at an endpoint of
   * more weight. In milliseconds of waiting; meaningful only for comparing endpoints.
   *
   * @param weight 1 is the mean of the endpoints that are compared
   */
  cost(weight: number): number;
  /** Calls in flight. */
  readonly pending: number;
  /** Forgets the latency, so that one call measures it again. Calls in flight no longer count for it. */
  reset(): void;
}

/** Above any latency: while the first call to an endpoint is in flight, other calls go to other endpoints. */
const UNKNOWN_COST = 1e12;

/** An endpoint that fails fast must not look fast: each failure multiplies its latency by this. */
const FAILURE_FACTOR = 2;
/**
 * Up to this. While every endpoint fails, nothing but the decay stops the doubling, and what they cost then would be far above what an
 * endpoint that joins costs for hours.
 */
const FAILURE_MS_MAX = 1_000;

/**
 * The load of an endpoint as Finagle's balancer sees it
 * (https://twitter.github.io/finagle/guide/Clients.html#power-of-two-choices-p2c-least-loaded): an average of latency that
 * decays exponentially by time, not by calls, and jumps to each peak at once. So a slow endpoint is avoided from its first
 * slow answer on, and recovers slowly, even without calls. Unlike in Finagle, a peak that is a failure is forgotten after `decayMs`
 * without calls, and one call measures anew: else an endpoint would get none for a minute after an outage.
 *
 * @param decayMs the age at which a latency weighs 1/e
 */
export function createPeakEwma(decayMs: number): PeakEwma {
  let latencyMs: number | undefined;
  /** Whether the last peak was an answer, and no failure. */
  let isAnswered = false;
  let observedAt = performance.now();
  let pending = 0;
  /** Of the pending calls, those that began before the last reset. */
  let outdated = 0;
  let resets = 0;

  function isForgotten(now: number): boolean {
    return !isAnswered && pending === 0 && now - observedAt > decayMs;
  }

  function forget(): void {
    latencyMs = undefined;
    outdated = pending;
    resets += 1;
  }

  function weightOfOld(now: number): number {
    return Math.exp((observedAt - now) / decayMs);
  }

  function observe(now: number, ms: number): void {
    const weight = weightOfOld(now);
    const old = (latencyMs ?? 0) * weight;
    latencyMs = ms > old ? ms : old + ms * (1 - weight);
    observedAt = now;
  }

  function end(startedAt: number, resetsBefore: number, outcome: LoadOutcome): void {
    pending -= 1;
    if (resetsBefore !== resets) {
      outdated -= 1;
      return;
    }
    const now = performance.now();
    const tookMs = now - startedAt;
    const knownMs = (latencyMs ?? 0) * weightOfOld(now);
    const isPeak = tookMs > knownMs;
    // A withdrawn call would have taken at least this long.
    if (outcome === 'withdrawn' && !isPeak) return;
    if (isPeak || outcome === 'failed') isAnswered = outcome === 'answered';
    if (outcome !== 'failed') observe(now, tookMs);
    else observe(now, Math.max(tookMs, knownMs, Math.min(knownMs * FAILURE_FACTOR, FAILURE_MS_MAX)));
  }

  return {
    begin() {
      const startedAt = performance.now();
      if (isForgotten(startedAt)) forget();
      const resetsBefore = resets;
      pending += 1;
      return (outcome) => end(startedAt, resetsBefore, outcome);
    },
    cost(weight) {
      if (latencyMs === undefined) return pending === outdated ? 0 : UNKNOWN_COST + pending;
      const now = performance.now();
      return isForgotten(now) ? 0 : latencyMs * weightOfOld(now) * (pending / weight + 1);
    },
    get pending() {
      return pending;
    },
    reset: forget,
  };
}
