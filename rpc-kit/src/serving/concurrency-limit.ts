/**
 * How many calls a service works on at a time, and which of them go first when there is not room for all.
 *
 * A server that takes every call gets slower for all of them until all of them time out. One that takes only what it can
 * do at once stays fast for those, and tells the others so at once.
 */
export interface ConcurrencyLimit {
  /** Takes a place if there is one for a call of this priority. */
  tryAcquire(priority: Priority, method: string): Place | undefined;
  /** Whether there is a place, without taking it: a cheap look before a body is even read. */
  hasRoom(priority: Priority): boolean;
  /** Calls at a time, for the highest priority. */
  readonly limit: number;
  readonly inFlight: number;
}

/** A place that is taken. Leave it once, when the call is over. */
export interface Place {
  /** @param isSample whether the time that the call took says how busy the service is: refusals and failures do not */
  leave(isSample: boolean): void;
}

/** `high` goes first and `low` is turned away first: paying outranks browsing. */
export type Priority = 'high' | 'normal' | 'low';

/** The share of the limit that calls of a priority may fill; the rest is kept free for those above. */
const SHARE: Record<Priority, number> = { high: 1, normal: 0.9, low: 0.7 };

/** Room for at least one call of every priority, however small the limit. */
function roomFor(limit: number, priority: Priority): number {
  return Math.max(1, Math.floor(limit * SHARE[priority]));
}

/** A limit that stays as it is. */
export function fixedLimit(limit: number): ConcurrencyLimit {
  let inFlight = 0;
  return {
    tryAcquire(priority) {
      if (inFlight >= roomFor(limit, priority)) return undefined;
      inFlight += 1;
      return {
        leave() {
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
  /** Calls at a time to begin with, from `limitMin` to `limitMax`. */
  readonly limitInitial: number;
  /** Never below: a service that takes nothing never learns that it could. */
  readonly limitMin: number;
  /** Never above: memory and connections are bounded, too. */
  readonly limitMax: number;
  /** Calls that may wait within the service without it counting as busy; what lets the limit grow. */
  readonly queueLength: number;
  /** How many times slower than usual a call may be before the limit shrinks; from 1. */
  readonly tolerance: number;
  /** The share of the newly found limit that is taken over at each step, above 0 and up to 1. */
  readonly smoothing: number;
  /** Steps over which a method's usual time is averaged, exponentially. */
  readonly usualOver: number;
  /** A step is taken at most this often, in milliseconds, */
  readonly windowMs: number;
  /** and on at least so many calls. */
  readonly windowSamplesMin: number;
  /** Told of each step. */
  readonly onStep?: (limit: number) => void;
}

const ADAPTIVE_DEFAULTS = {
  // A burst is no overload yet: it is taken on, and the limit shrinks when calls are seen to take longer for it.
  limitInitial: 500,
  limitMin: 20,
  // As many as the server has connections.
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
 * A limit that finds itself, after Netflix's Gradient2 (https://github.com/Netflix/concurrency-limits, Gradient2Limit):
 * while calls take as long as usual, the limit grows by a short queue at each step; when they take longer, because work
 * queues up somewhere inside, it shrinks by the ratio of usual to present time.
 *
 * Other than there, the usual time is kept for each method, and the ratios are averaged over the calls: a service answers
 * quick and slow methods, and a change of their mix must not look like a change of load. And slow times move the usual less
 * than quick ones do, since under lasting overload a plain average would get used to it and let the limit creep up.
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
    // With half of the places empty, the limit is not what holds anything up, and nothing can be learnt of it.
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
        leave(isSample) {
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

/** Below this a clock says more of itself than of the call. */
const TIME_MIN_MS = 0.01;

/** Queueing only ever makes calls slower, so slow ones count that much less towards the usual time than quick ones. */
const SLOW_WEIGHT = 0.1;

/** An exponential average, which begins as a plain one. */
class UsualTime {
  readonly #over: number;
  #count = 0;
  #ms = 0;

  constructor(over: number) {
    this.#over = over;
  }

  /** Takes the time into the average and tells the ratio of usual to present: below 1 for slow calls. */
  ratioTo(ms: number): number {
    const present = Math.max(ms, TIME_MIN_MS);
    this.#count = Math.min(this.#count + 1, this.#over);
    const weight = this.#count > 1 && present > this.#ms ? SLOW_WEIGHT / this.#count : 1 / this.#count;
    this.#ms += (present - this.#ms) * weight;
    if (this.#ms / present > RECOVERY_RATIO) this.#ms *= RECOVERY_FACTOR;
    return Math.min(this.#ms / present, RECOVERY_RATIO);
  }
}
