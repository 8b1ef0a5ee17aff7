import { percentile } from '../harness/figure.ts';
import type { Outcome, PreparedCall } from './calls.ts';

/** The width of a bucket of the curve over time. */
export const BUCKET_MS = 100;

/** The outcomes of the calls of one load. */
export interface Tally {
  readonly seconds: number;
  /** Answered ok within the timeout of their contract. */
  readonly orders: number;
  readonly stocks: number;
  readonly refused: number;
  /** Answered ok, but too late for their caller. */
  readonly late: number;
  readonly failed: number;
  /** No connection was free: the service did not read from them, or calls were in flight on them. */
  readonly unsent: number;
  /** Of calls that were answered ok, also late. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Orders in time, for each bucket: by the moment at which they were due, and by that of their answer. */
  readonly ordersDue: readonly number[];
  readonly ordersAnswered: readonly number[];
}

export class TallyOfCalls {
  readonly #startedAt: number;
  readonly #latencies: number[] = [];
  readonly #due = new Map<number, number>();
  readonly #answered = new Map<number, number>();
  readonly #counts = { orders: 0, stocks: 0, refused: 0, late: 0, failed: 0, unsent: 0 };

  constructor(startedAt: number) {
    this.#startedAt = startedAt;
  }

  add({ kind, timeoutMs }: PreparedCall, dueAt: number, endedAt: number, outcome: Outcome): void {
    if (outcome !== 'ok') {
      this.#counts[outcome] += 1;
      return;
    }
    const ms = endedAt - dueAt;
    this.#latencies.push(ms);
    if (ms > timeoutMs) this.#counts.late += 1;
    else if (kind === 'stocks') this.#counts.stocks += 1;
    else {
      this.#counts.orders += 1;
      this.#count(this.#due, dueAt);
      this.#count(this.#answered, endedAt);
    }
  }

  skip(calls: number): void {
    this.#counts.unsent += calls;
  }

  end(ms: number): Tally {
    const sorted = Float64Array.from(this.#latencies).sort();
    const toList = (buckets: ReadonlyMap<number, number>): number[] =>
      Array.from({ length: Math.ceil(ms / BUCKET_MS) }, (_, bucket) => buckets.get(bucket) ?? 0);
    return {
      seconds: ms / 1_000,
      ...this.#counts,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      ordersDue: toList(this.#due),
      ordersAnswered: toList(this.#answered),
    };
  }

  #count(buckets: Map<number, number>, at: number): void {
    const bucket = Math.floor((at - this.#startedAt) / BUCKET_MS);
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
  }
}
