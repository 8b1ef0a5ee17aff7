import { type ConcurrencyLimit, PRIORITIES, type Priority, roomFor, type Slot } from './concurrency-limit.ts';
import { WaitingRoom } from './waiting-room.ts';

/** The bounds of `adaptiveLimit`. All have defaults. */
export interface AdaptiveLimitOptions {
  /** The limit at the start, from `limitMin` to `limitMax`. */
  readonly limitInitial: number;
  /** The limit never falls below: a service that accepts no calls gets no samples. */
  readonly limitMin: number;
  /** The limit never rises above: memory and connections are bounded too. */
  readonly limitMax: number;
  /** The share of its timeout that a call may take inside a full service. */
  readonly timeoutShare: number;
  /** Calls of a burst that wait for a slot. */
  readonly waitersMax: number;
  readonly onStep?: (limit: number) => void;
}

const ADAPTIVE_DEFAULTS = {
  // A full batch. The first calls of a new process are its slowest, so more of them at once would all time out.
  limitInitial: 50,
  limitMin: 20,
  // The server's `connectionsMax`.
  limitMax: 2_000,
  // Leaves the caller time for one more attempt, and keeps enough calls inside for work that is done in groups.
  timeoutShare: 0.15,
  // A burst of this length is served before it times out by a service that does 500 calls a second.
  waitersMax: 500,
} as const satisfies AdaptiveLimitOptions;

/**
 * While higher priorities fill the limit, this share of it and of the admitted calls is of a lower priority. Slots alone would be no
 * bound: short calls would use each of them many times in the time of a long one.
 */
const RESERVED: Record<Priority, number> = { high: 0, normal: 0.1, low: 0.05 };

/**
 * An adaptive limit by Little's law: calls in flight = calls a second × seconds in the service. Each ended call says how many a
 * second the service does: as many as were in flight when it began, in the time that it took. The limit is what the service does
 * within a share of the calls' timeouts, whatever it is that the calls wait for inside, so it bounds latency and not connections.
 *
 * The limit doubles at each step while it is far too low, as TCP's slow start does, so a new process finds it within a few steps.
 */
export function adaptiveLimit(options: Partial<AdaptiveLimitOptions> = {}): ConcurrencyLimit {
  const settings = { ...ADAPTIVE_DEFAULTS, ...options };
  const room = new WaitingRoom(settings.waitersMax);
  const inFlightOf: Record<Priority, number> = { high: 0, normal: 0, low: 0 };
  /** Calls beyond their share of the limit that may follow the calls admitted so far. */
  const reservedLeft: Record<Priority, number> = { high: 0, normal: 1, low: 1 };
  let limit: number = settings.limitInitial;
  let inFlight = 0;
  let window = new Window(performance.now());

  function fits(priority: Priority): boolean {
    return inFlight < roomFor(limit, priority) || hasReserved(priority);
  }

  function hasReserved(priority: Priority): boolean {
    return reservedLeft[priority] >= 1 && inFlightOf[priority] < reservedSlots(priority);
  }

  const reservedSlots = (priority: Priority): number => Math.floor(limit * RESERVED[priority]);

  /** A share that is not used is not saved for later. */
  function reserve(): void {
    for (const priority of PRIORITIES) {
      reservedLeft[priority] = Math.min(reservedSlots(priority), reservedLeft[priority] + RESERVED[priority]);
    }
  }

  function acquire(priority: Priority, timeoutMs: number): Slot {
    if (inFlight < roomFor(limit, priority)) reserve();
    else reservedLeft[priority] -= 1;
    inFlight += 1;
    inFlightOf[priority] += 1;
    const inFlightThen = inFlight;
    const startedAt = performance.now();
    return {
      release(isSample) {
        if (isSample) sample(inFlightThen, startedAt, timeoutMs * settings.timeoutShare);
        inFlight -= 1;
        inFlightOf[priority] -= 1;
        serveWaiters();
      },
    };
  }

  function serveWaiters(): void {
    if (inFlight < limit / 2) room.open();
    for (const priority of PRIORITIES) {
      while (fits(priority)) {
        const waiter = room.next(priority);
        if (!waiter) break;
        waiter.serve(acquire(priority, waiter.timeoutMs));
      }
    }
  }

  function sample(inFlightThen: number, startedAt: number, targetMs: number): void {
    const now = performance.now();
    window.add(inFlightThen, now - startedAt, targetMs);
    const samplesMin = Math.max(WINDOW_SAMPLES_MIN, limit * WINDOW_SHARE_MIN);
    if (now - window.startedAt < WINDOW_MS || window.samples < samplesMin) return;
    // While half of the slots are free, the limit holds nothing up, and the samples say little about a full service.
    if (window.inFlightMax >= limit / 2) step(window.found);
    window = new Window(now);
  }

  function step(found: number): void {
    const next = found >= limit * STEP_FACTOR_MAX ? limit * STEP_FACTOR_MAX : limit + (found - limit) * SMOOTHING;
    limit = Math.max(settings.limitMin, Math.min(settings.limitMax, next));
    settings.onStep?.(limit);
  }

  return {
    tryAcquire(priority, timeoutMs) {
      return fits(priority) && !room.hasWaiters(priority) ? acquire(priority, timeoutMs) : undefined;
    },
    wait: (priority, timeoutMs, signal) => room.wait(priority, timeoutMs, signal),
    hasRoom: (priority) => fits(priority) || room.isOpen(priority),
    get limit() {
      return Math.floor(limit);
    },
    get inFlight() {
      return inFlight;
    },
  };
}

/** Steps are short, so that a new process finds its limit within half a second. */
const WINDOW_MS = 50;
/** Fewer calls are too much by chance. */
const WINDOW_SAMPLES_MIN = 10;
/**
 * A step needs as many calls as this share of the limit. Short calls end first, and a few of them between two groups of long ones say
 * that the service could do many times as much.
 */
const WINDOW_SHARE_MIN = 0.5;
/** A limit that is far too low doubles. */
const STEP_FACTOR_MAX = 2;
/** The weight of what a step has found: one slow moment shall not halve the limit. */
const SMOOTHING = 0.3;
/** Shorter times are below the precision of the clock. */
const TIME_MIN_MS = 0.01;

/** The calls since the last step. */
class Window {
  readonly startedAt: number;
  samples = 0;
  inFlightMax = 0;
  #ms = 0;
  #inFlightByTarget = 0;

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  add(inFlight: number, ms: number, targetMs: number): void {
    this.samples += 1;
    this.inFlightMax = Math.max(this.inFlightMax, inFlight);
    this.#ms += Math.max(ms, TIME_MIN_MS);
    this.#inFlightByTarget += inFlight * targetMs;
  }

  /** The calls in flight with which a call takes as long as it may. */
  get found(): number {
    return this.#inFlightByTarget / this.#ms;
  }
}
