import type { Sample, Timing } from '../harness/closed-loop.ts';
import { METHOD_NAMES, type MethodName } from './work.ts';

/** A server under load, or a client that makes it. */
export interface Contestant {
  readonly name: string;
  readonly title: string;
  run(method: MethodName, timing: Timing): Promise<Sample>;
  /** Microseconds of CPU that its process has used so far. */
  cpu(): Promise<number>;
}

/** One contestant, one method, one round. */
export interface Measurement {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicrosPerCall: number;
  readonly failures: number;
}

/** By contestant and method, one measurement a round. */
export type Measurements = Map<string, Record<MethodName, Measurement[]>>;

export interface Plan {
  readonly rounds: number;
  readonly warmUpCalls: number;
  readonly timing: Timing;
}

/** However slow a contender is, its warm-up ends. */
const WARM_UP_MS_MAX = 5_000;

/** So many others take their turn between two turns of the baseline: it is what every ratio hangs on. */
const TURNS_BETWEEN_BASELINES = 4;

/**
 * All contestants take turns in every round, and each round begins with the next of them: whatever else the machine does
 * meanwhile meets all alike. The first is the baseline, which has several turns a round, of which the mean counts.
 * A contestant that breaks is left out from then on.
 */
export async function measureInRounds(
  contestants: readonly Contestant[],
  plan: Plan,
  log: (line: string) => void,
): Promise<{ measurements: Measurements; dropped: readonly string[] }> {
  let going = [...contestants];
  const measurements: Measurements = new Map();
  const dropped: string[] = [];
  const drop = (contestant: Contestant, error: unknown): void => {
    going = going.filter((other) => other !== contestant);
    measurements.delete(contestant.name);
    dropped.push(`${contestant.name}: ${error instanceof Error ? error.message : error}`);
    log(`left out: ${dropped.at(-1)}`);
  };

  for (const [index, contestant] of contestants.entries()) {
    try {
      let calls = 0;
      for (const method of METHOD_NAMES) calls += await warmUp(contestant, method, plan);
      measurements.set(contestant.name, { createOrder: [], stocks: [] });
      log(`warm-up ${index + 1} of ${contestants.length}: ${contestant.name}, ${calls} calls`);
    } catch (error) {
      drop(contestant, error);
    }
  }
  for (let round = 0; round < plan.rounds; round++) {
    const startedAt = performance.now();
    for (const method of METHOD_NAMES) {
      const turns = new Map<string, Measurement[]>();
      for (const contestant of turnsOf(going, round)) {
        if (!going.includes(contestant)) continue;
        try {
          const measurement = await measure(contestant, method, plan.timing);
          turns.set(contestant.name, [...(turns.get(contestant.name) ?? []), measurement]);
        } catch (error) {
          drop(contestant, error);
        }
      }
      for (const [name, taken] of turns) measurements.get(name)?.[method].push(meanOf(taken));
    }
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    log(`round ${round + 1} of ${plan.rounds}, ${seconds} s: ${latestRatios(measurements)}`);
  }
  return { measurements, dropped };
}

async function warmUp(contestant: Contestant, method: MethodName, { timing, warmUpCalls }: Plan): Promise<number> {
  const until = performance.now() + WARM_UP_MS_MAX;
  let calls = 0;
  while (calls < warmUpCalls && performance.now() < until) calls += (await contestant.run(method, timing)).callsAll;
  return calls;
}

/** The CPU time is taken while nothing is under way, so it belongs to exactly the calls of the run. */
async function measure(contestant: Contestant, method: MethodName, timing: Timing): Promise<Measurement> {
  const cpuBefore = await contestant.cpu();
  const sample = await contestant.run(method, timing);
  const cpuMicros = (await contestant.cpu()) - cpuBefore;
  if (sample.calls === 0) throw new Error(`no call of ${method} came to an end (${sample.failures} failed)`);
  return {
    callsPerSecond: sample.calls / sample.seconds,
    p50Ms: sample.p50Ms,
    p99Ms: sample.p99Ms,
    cpuMicrosPerCall: cpuMicros / sample.callsAll,
    failures: sample.failures,
  };
}

function turnsOf([baseline, ...others]: readonly Contestant[], round: number): Contestant[] {
  if (!baseline) return [];
  const at = others.length === 0 ? 0 : round % others.length;
  const rotated = [...others.slice(at), ...others.slice(0, at)];
  return [
    baseline,
    ...rotated.flatMap((contestant, index) =>
      (index + 1) % TURNS_BETWEEN_BASELINES === 0 ? [contestant, baseline] : [contestant],
    ),
  ];
}

function meanOf(taken: readonly Measurement[]): Measurement {
  const sum = (of: (measurement: Measurement) => number): number =>
    taken.reduce((total, measurement) => total + of(measurement), 0);
  return {
    callsPerSecond: sum(({ callsPerSecond }) => callsPerSecond) / taken.length,
    p50Ms: sum(({ p50Ms }) => p50Ms) / taken.length,
    p99Ms: sum(({ p99Ms }) => p99Ms) / taken.length,
    cpuMicrosPerCall: sum(({ cpuMicrosPerCall }) => cpuMicrosPerCall) / taken.length,
    failures: sum(({ failures }) => failures),
  };
}

function latestRatios(measurements: Measurements): string {
  const latest = [...measurements].map(
    ([name, { createOrder }]) => [name, createOrder.at(-1)?.callsPerSecond] as const,
  );
  const baseline = latest[0]?.[1] ?? Number.NaN;
  return latest.map(([name, calls]) => `${name} ${((calls ?? Number.NaN) / baseline).toFixed(2)}`).join('  ');
}
