import type { Variant } from './variants.ts';

/** The width of a bucket of the curves over time. */
export const BUCKET_MS = 500;

export interface LoadOptions {
  readonly url: string;
  readonly variant: Variant;
  readonly perSecond: number;
  readonly seconds: number;
  readonly seed: number;
}

/** What became of the calls of one run. */
export interface Tally {
  readonly calls: number;
  /** Calls that were answered in time, by the bucket of their answer. */
  readonly goodput: readonly number[];
  /** Attempts, by the bucket in which they were sent. */
  readonly attempts: readonly number[];
}

/** When the trigger comes and how long it lasts, and for how long the run goes on. */
export interface Phases {
  readonly beforeSeconds: number;
  readonly stallSeconds: number;
  readonly afterSeconds: number;
}

/** The share of the goodput before the trigger that counts as recovered. */
export const RECOVERED_SHARE = 0.9;
/** For this long, so that one good moment does not count. */
const RECOVERED_SECONDS = 2;

const bucketsIn = (seconds: number): number => (seconds * 1_000) / BUCKET_MS;
const meanOf = (buckets: readonly number[]): number =>
  buckets.reduce((sum, count) => sum + count, 0) / Math.max(1, buckets.length);
const perSecond = (buckets: readonly number[]): number => (meanOf(buckets) * 1_000) / BUCKET_MS;

/** Without the first second, in which code is compiled and connections are made. */
export function goodputBefore({ goodput }: Tally, { beforeSeconds }: Phases): number {
  return perSecond(goodput.slice(bucketsIn(1), bucketsIn(beforeSeconds)));
}

/** Seconds from the end of the stall until the goodput is back; infinite when the run ended first. */
export function recoverySeconds(tally: Tally, phases: Phases): number {
  const endedAt = bucketsIn(phases.beforeSeconds + phases.stallSeconds);
  const span = bucketsIn(RECOVERED_SECONDS);
  const wanted = goodputBefore(tally, phases) * RECOVERED_SHARE;
  for (let from = endedAt; from + span <= tally.goodput.length; from++) {
    if (perSecond(tally.goodput.slice(from, from + span)) >= wanted) return ((from - endedAt) * BUCKET_MS) / 1_000;
  }
  return Number.POSITIVE_INFINITY;
}

/** Of the last quarter after the stall: a run that has recovered by then is up, one that has not stays down. */
export function ofTheEnd(buckets: readonly number[], { afterSeconds }: Phases): number {
  return perSecond(buckets.slice(-bucketsIn(afterSeconds / 4)));
}
