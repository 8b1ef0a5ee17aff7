export interface RetryBudgetOptions {
  /** Retries that each first attempt pays for: 0.1 lets one call in ten be tried again. */
  readonly ratio?: number;
  /** Retries a second that are there without any calls, for clients that call seldom. */
  readonly perSecondMin?: number;
  /** How long a deposit lasts, in milliseconds, from 1,000 to 60,000. */
  readonly windowMs?: number;
}

/** How many retries one peer may be sent. Whoever calls the peer shares it: `retry()` and `hedging()`, in every client. */
export interface RetryBudget {
  /** A first attempt is made. */
  deposit(): void;
  /** Takes one retry out, if there is one. */
  tryWithdraw(): boolean;
  /** Retries that could be made right now, with their fraction; below 0 after a sudden lull. */
  readonly balance: number;
}

const DEFAULTS = {
  // A peer in trouble sees at most a tenth more than its usual load.
  ratio: 0.1,
  // A client that makes a call a minute may still mend each of them.
  perSecondMin: 1,
  // Long enough that a short outage meets what the calm before it has paid in; short enough to forget yesterday's traffic.
  windowMs: 10_000,
} as const satisfies Required<RetryBudgetOptions>;

/** Finagle's bounds: below, the slices are shorter than a retry takes; above, a quiet hour's savings become a storm. */
const WINDOW_MS_MIN = 1_000;
const WINDOW_MS_MAX = 60_000;

/** The window moves on by one of these at a time, and they are all that is remembered, however many calls are made. */
const SLICES = 10;

/** Amounts are whole numbers of this part of a retry, so that ten deposits of a tenth make one retry and not 0.9999. */
const UNITS_PER_RETRY = 1_000_000;

/**
 * A retry budget after Finagle (https://finagle.github.io/blog/2016/02/08/retry-budgets/): each first attempt pays in
 * `ratio` of a retry, each retry takes one out, and both are forgotten after the window. A fixed number of attempts alone
 * multiplies the load of a peer that has begun to fail; the budget bounds what a storm can add.
 *
 * The reserve differs from Finagle's, which is there as a whole from the start: here it is paid in slice by slice, like
 * any deposit. So the bound has no term but one slice for the beginning: in any run, for calls and retries since then,
 * `retries ≤ ratio × calls + perSecondMin × (seconds + windowSeconds / 10)`,
 * and whenever one is granted, over the window that ends there, `retries ≤ ratio × calls + perSecondMin × windowSeconds`.
 *
 * @throws {RangeError} when an option is outside its range
 */
export function createRetryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  const { ratio, perSecondMin, windowMs } = { ...DEFAULTS, ...options };
  if (!(ratio >= 0 && ratio <= 1)) throw new RangeError('ratio must be from 0 to 1');
  if (!(perSecondMin >= 0)) throw new RangeError('perSecondMin must be at least 0');
  if (!(windowMs >= WINDOW_MS_MIN && windowMs <= WINDOW_MS_MAX)) {
    throw new RangeError(`windowMs must be from ${WINDOW_MS_MIN} to ${WINDOW_MS_MAX}`);
  }
  const sliceMs = windowMs / SLICES;
  const unitsPerCall = Math.round(ratio * UNITS_PER_RETRY);
  const unitsPerSlice = Math.floor((perSecondMin * sliceMs * UNITS_PER_RETRY) / 1_000);
  const startedAt = performance.now();
  /** What was paid in less what was taken out, by slice; slice n of the run stands at n % SLICES. */
  const slices = new Array<number>(SLICES).fill(0);
  slices[0] = unitsPerSlice;
  let units = unitsPerSlice;
  let newest = 0;

  /** Forgets the slices that have left the window. Each new one begins with its part of the reserve. */
  function slide(): void {
    const current = Math.floor((performance.now() - startedAt) / sliceMs);
    for (let slice = Math.max(newest + 1, current - SLICES + 1); slice <= current; slice++) {
      units += unitsPerSlice - (slices[slice % SLICES] as number);
      slices[slice % SLICES] = unitsPerSlice;
    }
    newest = current;
  }

  function book(amount: number): void {
    units += amount;
    slices[newest % SLICES] = (slices[newest % SLICES] as number) + amount;
  }

  return {
    deposit() {
      slide();
      book(unitsPerCall);
    },
    tryWithdraw() {
      slide();
      if (units < UNITS_PER_RETRY) return false;
      book(-UNITS_PER_RETRY);
      return true;
    },
    get balance() {
      slide();
      return units / UNITS_PER_RETRY;
    },
  };
}
