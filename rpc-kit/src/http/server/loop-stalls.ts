/** A beat that is late by less is the noise of a busy machine. */
const BEAT_MS = 50;

interface Stall {
  readonly ms: number;
  readonly endedAt: number;
}

/** Measures how long the event loop did not run, by a timer that then fires late. Dispose it to stop the timer. */
export class LoopStalls implements Disposable {
  readonly #keptMs: number;
  readonly #timer: NodeJS.Timeout;
  #stalls: Stall[] = [];
  #beatAt = performance.now();

  /** @param keptMs how long ago a stall may have ended to be known */
  constructor(keptMs: number) {
    this.#keptMs = keptMs;
    this.#timer = setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  /** Milliseconds of all stalls that ended within so many milliseconds, a stall that ends right now included. */
  within(windowMs: number): number {
    this.#beat();
    const since = this.#beatAt - windowMs;
    return this.#stalls.reduce((sum, { ms, endedAt }) => (endedAt >= since ? sum + ms : sum), 0);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const now = performance.now();
    const ms = now - this.#beatAt - BEAT_MS;
    this.#beatAt = now;
    if (ms < BEAT_MS) return;
    this.#stalls = this.#stalls.filter(({ endedAt }) => endedAt >= now - this.#keptMs);
    this.#stalls.push({ ms, endedAt: now });
  }
}
