import type { Socket } from 'node:net';
import { createTokenBucket } from '../../calling/token-bucket.ts';
import type { ConcurrencyLimit } from '../../serving/concurrency-limit.ts';

/**
 * A refusal takes 12–25 µs of a core, so 2,500 a second take about a twentieth of one, however many callers there are. The interval is
 * short, so that refusals take half a millisecond in a row.
 */
export const REFUSALS = { tokens: 25, intervalMs: 10, waitersMax: 0 } as const;
/** Short against every timeout: a call that would be served next may wait on a paused connection, too. */
export const PAUSE_MAX_MS = 250;

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
  readonly #bucket = createTokenBucket(REFUSALS);

  constructor(admission: Pick<ConcurrencyLimit, 'limit' | 'inFlight'>) {
    this.#admission = admission;
  }

  /** To be called when the refusal is sent: node:http reads on at the end of each request. */
  spend(socket: Socket): void {
    const token = this.#bucket.tryTake();
    if (token) {
      token[Symbol.dispose]();
      return;
    }
    socket.pause();
    this.#paused.push({ socket, since: performance.now() });
    if (this.#paused.length === 1) this.#resumeLater();
  }

  #resumeLater(): void {
    setTimeout(() => {
      this.#resume();
      if (this.#paused.length > 0) this.#resumeLater();
    }, REFUSALS.intervalMs);
  }

  #resume(): void {
    const now = performance.now();
    const { limit, inFlight } = this.#admission;
    const inTurn = this.#bucket.available + Math.max(0, limit - inFlight);
    const late = this.#paused.findIndex(({ since }) => now - since < PAUSE_MAX_MS);
    const count = Math.max(inTurn, late < 0 ? this.#paused.length : late);
    for (const { socket } of this.#paused.splice(0, count)) socket.resume();
  }
}
