/** How many retries `createRetryBudget` allows. All have defaults. */
export interface RetryBudgetOptions {
  /** Retries that each first attempt deposits: 0.1 allows one retry for ten calls. */
  readonly ratio?: number;
  /** Retries a second that need no deposit, for clients that call seldom. */
  readonly perSecondMin?: number;
  /** How long a deposit lasts, in milliseconds, from 1,000 to 60,000. */
  readonly windowMs?: number;
}

/** Bounds the retries that one peer is sent. All clients of the peer share one budget, for `retry()` and `hedging()`. */
export interface RetryBudget {
  /** Call it for each first attempt. */
  deposit(): void;
  /** Withdraws one retry; false when the budget is empty. */
  tryWithdraw(): boolean;
  /** Retries that could be sent now, fractions included; below 0 after a sudden lull. */
  readonly balance: number;
}

const DEFAULTS = {
  // A peer in trouble sees at most a tenth more than its usual load.
  ratio: 0.1,
  // A client that makes a call a minute may still retry each of them.
  perSecondMin: 1,
  // Long enough that the deposits from before a short outage are still there; short enough to forget old traffic.
  windowMs: 10_000,
} as const satisfies Required<RetryBudgetOptions>;

/** Finagle's bounds: below, a slice is shorter than a retry takes; above, the deposits of a quiet time allow a retry storm. */
const WINDOW_MS_MIN = 1_000;
const WINDOW_MS_MAX = 60_000;

/** The window advances by one slice at a time, so its memory does not grow with the calls. */
const SLICES = 10;

/** Amounts are whole numbers of this part of a retry, so that ten deposits of a tenth make one retry and not 0.9999. */
const UNITS_PER_RETRY = 1_000_000;

/**
 * A retry budget after Finagle (https://finagle.github.io/blog/2016/02/08/retry-budgets/): each first attempt deposits
 * `ratio` of a retry, each retry withdraws one, and both expire after the window. A fixed number of attempts alone
 * multiplies the load of a peer that has begun to fail; the budget bounds what a retry storm can add.
 *
 * Finagle's reserve is available as a whole from the start; here it is deposited slice by slice. So the start adds only one slice
 * to the bound: for all calls and retries of a run,
 * `retries ≤ ratio × calls + perSecondMin × (seconds + windowSeconds / 10)`,
 * and whenever one is granted, over the window that ends there, `retries ≤ ratio × calls + perSecondMin × windowSeconds`.
 *
 * @throws {RangeError} when an option is outside its range
 */
export function createRetryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  const { ratio, perSecondMin, windowMs } = { ...DEFAULTS, ...options };
  if (!(ratio >= 0 && ratio <= 1)) throw new RangeError('ratio must be from 0 to 1');
  if (!(perSecondMin >= 0 && perSecondMin < Number.POSITIVE_INFINITY)) {
    throw new RangeError('perSecondMin must be a number of at least 0');
  }
  if (!(windowMs >= WINDOW_MS_MIN && windowMs <= WINDOW_MS_MAX)) {
    throw new RangeError(`windowMs must be from ${WINDOW_MS_MIN} to ${WINDOW_MS_MAX}`);
  }
  const sliceMs = windowMs / SLICES;
  const unitsPerCall = Math.round(ratio * UNITS_PER_RETRY);
  const unitsPerSlice = Math.floor((perSecondMin * sliceMs * UNITS_PER_RETRY) / 1_000);
  const startedAt = performance.now();
  /** Deposits less withdrawals, by slice; slice n of the run has the index n % SLICES. */
  const slices = new Array<number>(SLICES).fill(0);
  slices[0] = unitsPerSlice;
  let units = unitsPerSlice;
  let newest = 0;

  /** Drops the slices that have left the window. Each new one begins with its part of the reserve. */
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
