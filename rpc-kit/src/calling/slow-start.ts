/** How the share of an endpoint grows after it has joined or returned. */
export interface SlowStartOptions {
  /** How long an endpoint that joined or returned gets less than its weight, in milliseconds. */
  readonly windowMs: number;
  /** 1 lets its share grow evenly, more lets it grow fast at first, less lets it grow fast at last. Default: 1. */
  readonly aggression?: number;
  /** The part of its weight that it gets at once, above 0 and up to 1. Default: 0.1. */
  readonly startWeight?: number;
}

/** When an endpoint began to get calls, stored in the endpoint itself; on `performance.now()`'s scale. */
export interface SlowStartRecord {
  startedAt: number;
}

export interface SlowStart {
  /** The endpoint gets calls from now on, for the first time or again. */
  begin(endpoint: SlowStartRecord, now: number): void;
  /** Gives the part of its weight that an endpoint has, up to 1. Undefined when each has the whole. */
  partsAt(now: number): ((endpoint: SlowStartRecord) => number) | undefined;
}

/** A window is shorter than a day; without a limit, a mistaken unit would go unnoticed. */
const WINDOW_MS_MAX = 86_400_000;

/**
 * Lets the share of an endpoint grow with time, because a process that has just started has cold caches, no connections and code that is
 * not compiled. The formula is Envoy's
 * (https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/slow_start).
 *
 * @throws {RangeError} for an option outside its range
 */
export function createSlowStart({ windowMs, aggression = 1, startWeight = 0.1 }: SlowStartOptions): SlowStart {
  if (!(windowMs >= 1 && windowMs <= WINDOW_MS_MAX)) {
    throw new RangeError(`windowMs is ${windowMs}, but has to be from 1 to ${WINDOW_MS_MAX}`);
  }
  if (!(aggression > 0 && aggression <= 100)) {
    throw new RangeError(`aggression is ${aggression}, but has to be above 0 and up to 100`);
  }
  if (!(startWeight > 0 && startWeight <= 1)) {
    throw new RangeError(`startWeight is ${startWeight}, but has to be above 0 and up to 1`);
  }
  let lastBegunAt = Number.NEGATIVE_INFINITY;

  return {
    begin(endpoint, now) {
      lastBegunAt = now;
      endpoint.startedAt = now;
    },
    partsAt(now) {
      if (now - lastBegunAt >= windowMs) return undefined;
      return ({ startedAt }) => {
        const elapsed = (now - startedAt) / windowMs;
        return elapsed >= 1 ? 1 : Math.max(startWeight, elapsed ** (1 / aggression));
      };
    },
  };
}
