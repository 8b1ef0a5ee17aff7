/** The timer's interval. A beat that is late by less is noise of a busy machine. */
const BEAT_MS = 50;

interface Stall {
  readonly ms: number;
  readonly endedAt: number;
}

/** Measures stalls of the event loop by how late a timer fires. It runs between `resume` and `pause`: an idle process sleeps. */
export class LoopStalls {
  readonly #keptMs: number;
  #timer: NodeJS.Timeout | undefined;
  #stalls: Stall[] = [];
  #beatAt = performance.now();

  /** @param keptMs how long stalls are remembered */
  constructor(keptMs: number) {
    this.#keptMs = keptMs;
  }

  resume(): void {
    this.#beatAt = performance.now();
    this.#timer ??= setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The sum of all stalls that ended within the window, including one that ends now, in milliseconds. */
  within(windowMs: number): number {
    if (this.#timer) this.#beat();
    const since = performance.now() - windowMs;
    return this.#stalls.reduce((sum, { ms, endedAt }) => (endedAt >= since ? sum + ms : sum), 0);
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
