import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from './figure.ts';

export interface Pace {
  readonly perSecond: number;
  readonly seconds: number;
}

export interface OpenSample {
  readonly offered: number;
  readonly succeeded: number;
  /** Without the expected answer. */
  readonly failed: number;
  /** Never started, because too many were waiting for a lane. */
  readonly dropped: number;
  /** From the time at which the work was due, so waiting for a lane counts. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** By Date.now(): the first and the last time at which work was due. */
  readonly from: number;
  readonly to: number;
}

/** Work that waits for a lane. A contestant that falls behind by so much does not keep up, and the rest is counted as dropped. */
const WAITING_MAX = 20_000;
/** Less than the pace needs at a thousand a second, so that work is due one by one. */
const TICK_MS = 1;

/**
 * Offers work at a steady pace, whatever time it takes: a slow answer delays nothing but itself.
 * @param lanes each does one piece of work at a time, and resolves to whether it succeeded
 */
export async function openLoop(lanes: readonly (() => Promise<boolean>)[], pace: Pace): Promise<OpenSample> {
  const total = Math.floor(pace.perSecond * pace.seconds);
  const latencies = new Float64Array(total);
  const idle = [...lanes];
  const waiting: number[] = [];
  const running = new Set<Promise<void>>();
  const counts = { succeeded: 0, failed: 0, dropped: 0 };

  const run = async (work: () => Promise<boolean>, first: number): Promise<void> => {
    for (let dueAt: number | undefined = first; dueAt !== undefined; dueAt = waiting.shift()) {
      const succeeded = await work().catch(() => false);
      if (succeeded) latencies[counts.succeeded++] = performance.now() - dueAt;
      else counts.failed++;
    }
    idle.push(work);
  };
  const offer = (dueAt: number): void => {
    const lane = idle.pop();
    if (lane === undefined) {
      if (waiting.length < WAITING_MAX) waiting.push(dueAt);
      else counts.dropped++;
      return;
    }
    const work = run(lane, dueAt).finally(() => running.delete(work));
    running.add(work);
  };

  const from = Date.now();
  const startedAt = performance.now();
  for (let offered = 0; offered < total; await sleep(TICK_MS)) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) * pace.perSecond) / 1_000));
    for (; offered < due; offered++) offer(startedAt + (offered * 1_000) / pace.perSecond);
  }
  const to = Date.now();
  await Promise.all(running);

  const sorted = latencies.subarray(0, counts.succeeded).sort();
  const at = (share: number): number => percentile(sorted, share);
  return { offered: total, ...counts, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), from, to };
}
