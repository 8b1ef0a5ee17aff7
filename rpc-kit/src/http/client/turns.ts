/**
 * Bounds the requests in flight; the others wait in order. A waiting request can leave at no cost, while undici's own queue would
 * open or break a connection for it.
 */
export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();
  #isServing = false;

  constructor(concurrencyMax: number) {
    this.#free = concurrencyMax;
  }

  /** @returns whether a turn is free, which then began: it is the cheap way in for a request that need not wait */
  tryEnter(): boolean {
    if (this.#free === 0 || this.#waiting.size > 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Calls `begin` when a turn is free, possibly at once. Each turn that began must be ended by `end`. */
  enter(begin: () => void): void {
    this.#waiting.add(begin);
    this.#serve();
  }

  /** @returns whether the request was still waiting; then it never begins */
  leave(begin: () => void): boolean {
    return this.#waiting.delete(begin);
  }

  end(): void {
    this.#free += 1;
    this.#serve();
  }

  /** A turn may end before `begin` returns, e.g. in a closed pool. The flag prevents recursion as deep as the queue. */
  #serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    for (const begin of this.#waiting) {
      if (this.#free === 0) break;
      this.#free -= 1;
      this.#waiting.delete(begin);
      begin();
    }
    this.#isServing = false;
  }
}
