import { EventEmitter } from 'node:events';
import Opossum from 'opossum';

export interface CircuitJudge extends Disposable {
  /** Counts a call that has ended. Resolves after the transition that it causes. */
  add(verdict: 'success' | 'failure'): Promise<void>;
  open(): void;
}

/** Called when the state changes. */
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

/** The window advances by one bucket at a time. */
const BUCKETS = 10;

/**
 * Adapts opossum: it keeps the rolling window, decides by the success rate, and times the open state.
 *
 * opossum does not run the calls themselves; it is fired once for each verdict. If it ran the calls, opossum 10.0.0 would
 * - count a filtered error as a success, so that a cancelled probe closed the circuit;
 * - let a late call from before the circuit opened decide in place of the probe;
 * - stay half-open for ever when the probe never settles;
 * - count calls in flight and refused calls as not failed.
 * It does not count failures in a row; the circuit breaker does, and calls `open`.
 */
export function createCircuitJudge(options: CircuitJudgeOptions, on: CircuitTransitions): CircuitJudge {
  // By default, opossum rotates its window by an interval for each endpoint, which is never cleared.
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
    // opossum records the latency of each call, even when no percentiles are asked for.
    for (const bucket of opossum.status.window) bucket.latencyTimes.length = 0;
    for (let step = 0; step < Math.min(steps, BUCKETS); step++) rotation.emit('rotate');
  }

  opossum.on('open', on.open);
  opossum.on('halfOpen', on.halfOpen);
  opossum.on('close', () => {
    // Otherwise, failures from before the circuit opened would open it again at the next failure.
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
 * Slightly above the given share, because opossum's comparison is strict and doubles are inexact: 1 − 0.9 is not quite 0.1, and
 * 11 / 20 × 100 is more than 55. The rates of a window differ from each other by more than this.
 */
function percent(share: number): number {
  return Math.round(share * 1e8) / 1e6 + 1e-9;
}
