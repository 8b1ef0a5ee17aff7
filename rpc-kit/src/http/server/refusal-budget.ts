import type { Socket } from 'node:net';
import type { ConcurrencyLimit } from '../../serving/concurrency-limit.ts';

/** A refusal takes 12–25 µs of a core, so these take about a twentieth of one, however many callers there are. */
export const REFUSALS_PER_SECOND = 2_500;
/** Refusals in a row before the first caller is paused: some 5 ms of a core. */
export const REFUSALS_BURST = 250;
/** Short against every timeout: a call that would be served next may wait on a paused connection, too. */
export const PAUSE_MAX_MS = 250;
const TICK_MS = 10;

interface Paused {
  readonly socket: Socket;
  readonly since: number;
}

/**
 * Bounds the CPU time that refusals take, so that calls get the rest. Beyond the budget, the connection of a refused caller is not
 * read for a moment, and TCP slows its sender down. Connections are read again in turn, as the budget and free slots allow.
 */
export class RefusalBudget {
  readonly #admission: Pick<ConcurrencyLimit, 'limit' | 'inFlight'>;
  readonly #paused: Paused[] = [];
  #refusalsLeft = REFUSALS_BURST;
  #filledAt = 0;

  constructor(admission: Pick<ConcurrencyLimit, 'limit' | 'inFlight'>) {
    this.#admission = admission;
  }

  /** To be called when the refusal is sent: node:http reads on at the end of each request. */
  spend(socket: Socket): void {
    const now = this.#fill();
    if (this.#refusalsLeft >= 1) {
      this.#refusalsLeft -= 1;
      return;
    }
    socket.pause();
    this.#paused.push({ socket, since: now });
    if (this.#paused.length === 1) this.#resumeLater();
  }

  #fill(): number {
    const now = performance.now();
    const filled = this.#refusalsLeft + ((now - this.#filledAt) * REFUSALS_PER_SECOND) / 1_000;
    this.#refusalsLeft = Math.min(REFUSALS_BURST, filled);
    this.#filledAt = now;
    return now;
  }

  #resumeLater(): void {
    setTimeout(() => {
      this.#resume();
      if (this.#paused.length > 0) this.#resumeLater();
    }, TICK_MS);
  }

  #resume(): void {
    const now = this.#fill();
    const { limit, inFlight } = this.#admission;
    const inTurn = Math.floor(this.#refusalsLeft) + Math.max(0, limit - inFlight);
    const late = this.#paused.findIndex(({ since }) => now - since < PAUSE_MAX_MS);
    const count = Math.max(inTurn, late < 0 ? this.#paused.length : late);
    for (const { socket } of this.#paused.splice(0, count)) socket.resume();
  }
}
