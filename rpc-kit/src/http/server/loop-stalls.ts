/** The timer's interval. A beat that is late by less is noise of a busy machine. */
const BEAT_MS = 50;

interface Stall {
  readonly ms: number;
  readonly endedAt: number;
}

/** Measures stalls of the event loop by how late a timer fires. Dispose it to stop the timer. */
export class LoopStalls implements Disposable {
  readonly #keptMs: number;
  readonly #timer: NodeJS.Timeout;
  #stalls: Stall[] = [];
  #beatAt = performance.now();

  /** @param keptMs how long stalls are remembered */
  constructor(keptMs: number) {
    this.#keptMs = keptMs;
    this.#timer = setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  /** The sum of all stalls that ended within the window, including one that ends now, in milliseconds. */
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
