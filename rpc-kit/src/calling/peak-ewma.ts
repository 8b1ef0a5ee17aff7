/** How a call ended, as far as its duration tells something of the endpoint. */
export type LoadOutcome = 'answered' | 'failed' | 'withdrawn';

/** What one more call to an endpoint would cost: its recent latency times the calls that would then be under way. */
export interface PeakEwma {
  /** A call begins. Tell the end of it, once. */
  begin(): (outcome: LoadOutcome) => void;
  /** In milliseconds of waiting; only good for comparing endpoints. */
  readonly cost: number;
  /** Calls under way. */
  readonly pending: number;
  /** Forgets its latency, so that one call finds it out anew. */
  reset(): void;
}

/** Above any latency: as long as the first call to an endpoint is under way, the others go elsewhere. */
const UNKNOWN_COST = 1e12;

/** One that fails fast must not look fast; each failure makes it look this many times slower than it was. */
const FAILURE_FACTOR = 2;

/**
 * The load of an endpoint as Finagle's balancer sees it
 * (https://twitter.github.io/finagle/guide/Clients.html#power-of-two-choices-p2c-least-loaded): an average of latency that
 * decays exponentially by time, not by calls, and jumps to each peak at once. So a slow endpoint is avoided from its first
 * slow answer, and comes back slowly, also without being called.
 *
 * @param decayMs after it, an old latency weighs 1/e
 */
export function createPeakEwma(decayMs: number): PeakEwma {
  let latencyMs: number | undefined;
  let observedAt = performance.now();
  let pending = 0;

  function weightOfOld(now: number): number {
    return Math.exp((observedAt - now) / decayMs);
  }

  function observe(now: number, ms: number): void {
    const weight = weightOfOld(now);
    const old = (latencyMs ?? 0) * weight;
    latencyMs = ms > old ? ms : old + ms * (1 - weight);
    observedAt = now;
  }

  function end(startedAt: number, outcome: LoadOutcome): void {
    const now = performance.now();
    const tookMs = now - startedAt;
    const knownMs = (latencyMs ?? 0) * weightOfOld(now);
    pending -= 1;
    if (outcome === 'answered') observe(now, tookMs);
    else if (outcome === 'failed') observe(now, Math.max(tookMs, knownMs * FAILURE_FACTOR));
    // Nobody knows how long it would have taken, only that it was not less.
    else if (tookMs > knownMs) observe(now, tookMs);
  }

  return {
    begin() {
      const startedAt = performance.now();
      pending += 1;
      return (outcome) => end(startedAt, outcome);
    },
    get cost() {
      if (latencyMs === undefined) return pending === 0 ? 0 : UNKNOWN_COST + pending;
      return latencyMs * weightOfOld(performance.now()) * (pending + 1);
    },
    get pending() {
      return pending;
    },
    reset() {
      latencyMs = undefined;
    },
  };
}
