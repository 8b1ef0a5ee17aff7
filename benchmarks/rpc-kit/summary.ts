import { type Figure, figureOf } from '../harness/figure.ts';
import type { Measurement, Measurements } from './measure.ts';
import type { MethodName } from './work.ts';

export interface Summary {
  readonly name: string;
  readonly callsPerSecond: Figure;
  readonly p50Ms: Figure;
  readonly p99Ms: Figure;
  readonly cpuMicrosPerCall: Figure;
  /** Calls per second as a share of the baseline's in the same round. */
  readonly ratio: Figure;
  /** The p99 as a multiple of the baseline's in the same round: above 1 is later. */
  readonly p99Ratio: Figure;
  /** The baseline's CPU time a call as a share of the contender's in the same round: above 1 is less time. */
  readonly cpuRatio: Figure;
  readonly failures: number;
}

/** The first contender in the measurements is the baseline. Ratios are taken round by round, since the machine changes. */
export function summarize(measurements: Measurements, method: MethodName): Summary[] {
  const [baseline] = [...measurements.values()];
  return [...measurements].map(([name, byMethod]) => {
    const rounds = byMethod[method];
    const figure = (of: (measurement: Measurement) => number): Figure => figureOf(rounds.map(of));
    const ratio = (of: (measurement: Measurement, base: Measurement) => number): Figure =>
      figureOf(
        rounds.flatMap((measurement, round) => {
          const base = baseline?.[method][round];
          return base ? [of(measurement, base)] : [];
        }),
      );
    return {
      name,
      callsPerSecond: figure(({ callsPerSecond }) => callsPerSecond),
      p50Ms: figure(({ p50Ms }) => p50Ms),
      p99Ms: figure(({ p99Ms }) => p99Ms),
      cpuMicrosPerCall: figure(({ cpuMicrosPerCall }) => cpuMicrosPerCall),
      ratio: ratio((measurement, base) => measurement.callsPerSecond / base.callsPerSecond),
      p99Ratio: ratio((measurement, base) => measurement.p99Ms / base.p99Ms),
      cpuRatio: ratio((measurement, base) => base.cpuMicrosPerCall / measurement.cpuMicrosPerCall),
      failures: rounds.reduce((sum, { failures }) => sum + failures, 0),
    };
  });
}
