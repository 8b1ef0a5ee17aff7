import { EventEmitter } from 'node:events';
import Opossum from 'opossum';

export interface CircuitJudge extends Disposable {
  /** Counts a call that has ended; the transition that follows from it is made before this resolves. */
  add(verdict: 'success' | 'failure'): Promise<void>;
  open(): void;
}

/** Called when the state changes; the time of rest is over when it becomes half-open. */
export interface CircuitTransitions {
  open(): void;
  halfOpen(): void;
  close(): void;
}

export interface CircuitJudgeOptions {
  readonly successRateMin: number;
  readonly callsMin: number;
  readonly windowMs: number;
  readonly restMs: number;
}

/** The window moves on by one of these at a time. */
const BUCKETS = 10;

/**
 * All that is known of opossum stands in this file: it keeps the rolling window, decides by the rate, and times the rest.
 *
 * It does not carry the calls themselves; it is fired once for each verdict, with work that is over already. Fired with the
 * calls (opossum 10.0.0), it would
 * - take an error that its filter lets off for a success, so that a cancelled probe closed the circuit;
 * - let a straggler that began before the circuit opened decide in place of the probe;
 * - never come out of half-open when the probe never settles, unless its own timeout ends it, of which a call has one;
 * - count calls under way and refused ones as not failed.
 * Failures in a row it does not know at all; whoever counts them calls `open`.
 */
export function createCircuitJudge(options: CircuitJudgeOptions, on: CircuitTransitions): CircuitJudge {
  // By default it rotates its window with an interval of its own, for every endpoint and for ever.
  const rotation = new EventEmitter();
  const opossum = new Opossum(settle, {
    timeout: false,
    errorThresholdPercentage: percent(1 - options.successRateMin),
    volumeThreshold: options.callsMin,
    rollingCountTimeout: options.windowMs,
    rollingCountBuckets: BUCKETS,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    resetTimeout: options.restMs,
    rotateBucketController: rotation,
  });
  const bucketMs = options.windowMs / BUCKETS;
  let rotatedAt = performance.now();

  function rotate(): void {
    const steps = Math.floor((performance.now() - rotatedAt) / bucketMs);
    if (steps <= 0) return;
    rotatedAt += steps * bucketMs;
    // It keeps how long each call took, asked for or not.
    for (const bucket of opossum.status.window) bucket.latencyTimes.length = 0;
    for (let step = 0; step < Math.min(steps, BUCKETS); step++) rotation.emit('rotate');
  }

  opossum.on('open', on.open);
  opossum.on('halfOpen', on.halfOpen);
  opossum.on('close', () => {
    // What failed before the rest would otherwise open the circuit again at the next failure.
    for (let step = 0; step < BUCKETS; step++) rotation.emit('rotate');
    on.close();
  });

  return {
    async add(verdict) {
      rotate();
      await opossum.fire(verdict).catch(() => {});
    },
    open: () => opossum.open(),
    [Symbol.dispose]: () => opossum.shutdown(),
  };
}

async function settle(verdict: 'success' | 'failure'): Promise<void> {
  if (verdict === 'failure') throw new Error('The call failed');
}

/**
 * A little above what was asked for, because the comparison is strict and binary fractions have tails: 1 − 0.9 is not quite
 * 0.1, and 11 / 20 × 100 is more than 55. No two rates of a window are as near to each other as this.
 */
function percent(share: number): number {
  return Math.round(share * 1e8) / 1e6 + 1e-9;
}
