/**
 * How many calls a service runs at a time, and which calls have priority when there is not room for all.
 *
 * A server that accepts every call slows down until all of them time out. A server that accepts only what it can run at once stays
 * fast for those calls, and refuses the others at once.
 */
export interface ConcurrencyLimit {
  /** A slot for a call of this priority; `undefined` when none is free. */
  tryAcquire(priority: Priority, method: string): Slot | undefined;
  /** Whether a slot is free, without taking it: a cheap check before a body is read. */
  hasRoom(priority: Priority): boolean;
  /** Calls at a time, for the highest priority. */
  readonly limit: number;
  readonly inFlight: number;
}

/** Release it once, when the call has ended. */
export interface Slot {
  /** @param isSample whether the call's duration says how busy the service is; that of a refusal or failure does not */
  release(isSample: boolean): void;
}

/** `low` is refused first: paying outranks browsing. */
export type Priority = 'high' | 'normal' | 'low';

/** The share of the limit that calls of a priority may fill; the rest is reserved for higher priorities. */
const SHARE: Record<Priority, number> = { high: 1, normal: 0.9, low: 0.7 };

/** Room for at least one call of every priority, however small the limit. */
function roomFor(limit: number, priority: Priority): number {
  return Math.max(1, Math.floor(limit * SHARE[priority]));
}

/** A limit that never changes. */
export function fixedLimit(limit: number): ConcurrencyLimit {
  let inFlight = 0;
  return {
    tryAcquire(priority) {
      if (inFlight >= roomFor(limit, priority)) return undefined;
      inFlight += 1;
      return {
        release() {
          inFlight -= 1;
        },
      };
    },
    hasRoom: (priority) => inFlight < roomFor(limit, priority),
    limit,
    get inFlight() {
      return inFlight;
    },
  };
}

export interface AdaptiveLimitOptions {
  /** The limit at the start, from `limitMin` to `limitMax`. */
  readonly limitInitial: number;
  /** The limit never falls below: a service that accepts no calls gets no samples. */
  readonly limitMin: number;
  /** The limit never rises above: memory and connections are bounded too. */
  readonly limitMax: number;
  /** Calls that may queue inside the service before it counts as busy; this lets the limit grow. */
  readonly queueLength: number;
  /** How many times slower than usual a call may be before the limit shrinks; from 1. */
  readonly tolerance: number;
  /** The weight of the new limit at each step, above 0 and up to 1. */
  readonly smoothing: number;
  /** Steps over which a method's usual time is averaged, exponentially. */
  readonly usualOver: number;
  /** The shortest time between two steps, in milliseconds. */
  readonly windowMs: number;
  /** The fewest calls that a step is based on. */
  readonly windowSamplesMin: number;
  readonly onStep?: (limit: number) => void;
}

const ADAPTIVE_DEFAULTS = {
  // A burst is no overload yet: it is accepted, and the limit shrinks when calls take longer.
  limitInitial: 500,
  limitMin: 20,
  // The server's `connectionsMax`.
  limitMax: 2_000,
  queueLength: 4,
  tolerance: 1.5,
  smoothing: 0.2,
  usualOver: 600,
  windowMs: 100,
  windowSamplesMin: 10,
} as const satisfies AdaptiveLimitOptions;

/** A gradient below this is not believed: one slow moment shall not halve the limit more than once a step. */
const GRADIENT_MIN = 0.5;
/** When calls are this much faster than usual, the usual is out of date and forgotten faster. */
const RECOVERY_RATIO = 2;
const RECOVERY_FACTOR = 0.95;

/**
 * An adaptive limit after Netflix's Gradient2 (https://github.com/Netflix/concurrency-limits, Gradient2Limit): while calls take
 * as long as usual, the limit grows by a short queue at each step; when they take longer, because work queues up inside, it
 * shrinks by the ratio of usual to present time.
 *
 * Unlike there, the usual time is kept for each method, and the ratios are averaged over the calls: a change in the mix of quick
 * and slow methods must not look like a change of load. Slow times weigh less than quick ones in the usual time, because a plain
 * average would adapt to lasting overload and let the limit creep up.
 */
export function adaptiveLimit(options: Partial<AdaptiveLimitOptions> = {}): ConcurrencyLimit {
  const settings = { ...ADAPTIVE_DEFAULTS, ...options };
  const usual = new Map<string, UsualTime>();
  let limit: number = settings.limitInitial;
  let inFlight = 0;
  let window = new Window();

  function sample(method: string, ms: number): void {
    window.add(method, ms, inFlight);
    if (window.ageMs < settings.windowMs || window.samples < settings.windowSamplesMin) return;
    const { inFlightMax, samples, methods } = window;
    window = new Window();
    // While half of the slots are free, the limit holds nothing up, and the sample says nothing about it.
    if (inFlightMax >= limit / 2) step(methods, samples);
  }

  function step(methods: Window['methods'], samples: number): void {
    let ratios = 0;
    for (const [method, { count, ms }] of methods) {
      const usualTime = usual.get(method) ?? new UsualTime(settings.usualOver);
      usual.set(method, usualTime);
      ratios += usualTime.ratioTo(ms / count) * count;
    }
    const gradient = Math.max(GRADIENT_MIN, Math.min(1, (settings.tolerance * ratios) / samples));
    const found = limit * gradient + settings.queueLength;
    const smoothed = limit * (1 - settings.smoothing) + found * settings.smoothing;
    limit = Math.max(settings.limitMin, Math.min(settings.limitMax, smoothed));
    settings.onStep?.(limit);
  }

  return {
    tryAcquire(priority, method) {
      if (inFlight >= roomFor(limit, priority)) return undefined;
      inFlight += 1;
      const startedAt = performance.now();
      return {
        release(isSample) {
          if (isSample) sample(method, performance.now() - startedAt);
          inFlight -= 1;
        },
      };
    },
    hasRoom: (priority) => inFlight < roomFor(limit, priority),
    get limit() {
      return Math.floor(limit);
    },
    get inFlight() {
      return inFlight;
    },
  };
}

/** The calls since the last step. */
class Window {
  readonly methods = new Map<string, { count: number; ms: number }>();
  readonly #startedAt = performance.now();
  samples = 0;
  inFlightMax = 0;

  get ageMs(): number {
    return performance.now() - this.#startedAt;
  }

  add(method: string, ms: number, inFlight: number): void {
    const times = this.methods.get(method) ?? { count: 0, ms: 0 };
    this.methods.set(method, times);
    times.count += 1;
    times.ms += ms;
    this.samples += 1;
    this.inFlightMax = Math.max(this.inFlightMax, inFlight);
  }
}

/** Shorter times are below the precision of the clock. */
const TIME_MIN_MS = 0.01;

/** Queueing only makes calls slower, so slow calls weigh this much less in the usual time than quick ones. */
const SLOW_WEIGHT = 0.1;

/** An exponential moving average that begins as a plain average. */
class UsualTime {
  readonly #over: number;
  #count = 0;
  #ms = 0;

  constructor(over: number) {
    this.#over = over;
  }

  /** Adds the time to the average and returns the ratio of usual to present time: below 1 for slow calls. */
  ratioTo(ms: number): number {
    const present = Math.max(ms, TIME_MIN_MS);
    this.#count = Math.min(this.#count + 1, this.#over);
    const weight = this.#count > 1 && present > this.#ms ? SLOW_WEIGHT / this.#count : 1 / this.#count;
    this.#ms += (present - this.#ms) * weight;
    if (this.#ms / present > RECOVERY_RATIO) this.#ms *= RECOVERY_FACTOR;
    return Math.min(this.#ms / present, RECOVERY_RATIO);
  }
}
