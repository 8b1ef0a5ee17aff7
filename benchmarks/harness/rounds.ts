import type { Sample } from './closed-loop.ts';
import { type Figure, figureOf } from './figure.ts';

/** One contestant, one subject, one round. */
export interface Measurement {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time for each call. */
  readonly cpuMicros: number;
  readonly failures: number;
}

/** By contestant, then by subject (a method, a scenario): one measurement for each round. The first contestant is the baseline. */
export type Measurements<S extends string, M extends Measurement = Measurement> = ReadonlyMap<
  string,
  Readonly<Record<S, readonly M[]>>
>;

interface Rounds<C, S extends string, M> {
  readonly contestants: readonly C[];
  readonly subjects: readonly S[];
  readonly rounds: number;
  /** @returns how many calls it made */
  warmUp(contestant: C): Promise<number>;
  measure(contestant: C, subject: S): Promise<M>;
  /** The turns of a round. A contestant with several turns counts with their mean. */
  turnsOf?(contestants: readonly C[], round: number): readonly C[];
  log(line: string): void;
}

/**
 * All contestants take turns in every round, and each round starts with the next one, so that other load on the machine
 * affects all alike. A contestant that fails is left out from then on.
 */
export async function measureInRounds<C extends { readonly name: string }, S extends string, M extends Measurement>({
  contestants,
  subjects,
  rounds,
  warmUp,
  measure,
  turnsOf = rotated,
  log,
}: Rounds<C, S, M>): Promise<{ measurements: Measurements<S, M>; leftOut: readonly string[] }> {
  const measurements = new Map<string, Record<S, M[]>>();
  const leftOut: string[] = [];
  const orLeaveOut = async (contestant: C, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      measurements.delete(contestant.name);
      leftOut.push(`${contestant.name}: ${error instanceof Error ? error.message : error}`);
      log(`left out: ${leftOut.at(-1)}`);
    }
  };

  for (const [index, contestant] of contestants.entries()) {
    await orLeaveOut(contestant, async () => {
      const calls = await warmUp(contestant);
      measurements.set(
        contestant.name,
        Object.fromEntries(subjects.map((subject) => [subject, [] as M[]])) as Record<S, M[]>,
      );
      log(`warm-up ${index + 1} of ${contestants.length}: ${contestant.name}, ${calls} calls`);
    });
  }
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now();
    const running = contestants.filter(({ name }) => measurements.has(name));
    for (const subject of subjects) {
      const turns = new Map<string, M[]>();
      for (const contestant of turnsOf(running, round)) {
        if (!measurements.has(contestant.name)) continue;
        await orLeaveOut(contestant, async () => {
          const measurement = await measure(contestant, subject);
          turns.set(contestant.name, [...(turns.get(contestant.name) ?? []), measurement]);
        });
      }
      for (const [name, ofRound] of turns) measurements.get(name)?.[subject].push(meanOf(ofRound));
    }
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    log(`round ${round + 1} of ${rounds}, ${seconds} s: ${latestRatios(measurements, subjects)}`);
  }
  return { measurements, leftOut };
}

export function rotated<T>(list: readonly T[], by: number): T[] {
  const from = by % Math.max(1, list.length);
  return [...list.slice(from), ...list.slice(0, from)];
}

/** Repeats a run until it has made the calls, at most for the time: a slow contestant must not warm up for minutes. */
export async function repeat(run: () => Promise<Sample>, callsMin: number, msMax: number): Promise<number> {
  const until = performance.now() + msMax;
  let calls = 0;
  while (calls < callsMin && performance.now() < until) calls += (await run()).callsAll;
  return calls;
}

/** The CPU time is read while no call is in flight, so it belongs to exactly the calls of the run. */
export async function measureRun(run: () => Promise<Sample>, cpu: () => Promise<number>): Promise<Measurement> {
  const cpuBefore = await cpu();
  const { calls, seconds, p50Ms, p99Ms, callsAll, failures } = await run();
  const cpuMicros = ((await cpu()) - cpuBefore) / callsAll;
  if (calls === 0) throw new Error(`no call succeeded (${failures} failed)`);
  return { perSecond: calls / seconds, p50Ms, p99Ms, cpuMicros, failures };
}

function meanOf<M extends Measurement>(turns: readonly M[]): M {
  const sum = (field: string): number =>
    turns.reduce((total, turn) => total + ((turn as unknown as Record<string, number>)[field] ?? Number.NaN), 0);
  const fields = Object.keys(turns[0] ?? {}).map((field) => [field, sum(field) / turns.length]);
  return { ...Object.fromEntries(fields), failures: sum('failures') };
}

function latestRatios<S extends string>(measurements: Measurements<S>, [subject]: readonly S[]): string {
  const latest = [...measurements].map(([name, bySubject]) => {
    return { name, perSecond: (subject && bySubject[subject].at(-1)?.perSecond) || Number.NaN };
  });
  const [baseline] = latest;
  const ratios = latest.map(({ name, perSecond }) => `${name} ${(perSecond / (baseline?.perSecond ?? 0)).toFixed(2)}`);
  return `${ratios.join('  ')} (1.00 is ${Math.round(baseline?.perSecond ?? 0)} a second)`;
}

/** A contestant over all rounds. Ratios are taken round by round, since the speed of the machine changes. */
export interface Summary<M extends Measurement = Measurement> {
  readonly name: string;
  readonly rounds: readonly M[];
  /** Calls a second as a share of the baseline's. */
  readonly ratio: Figure;
  /** The p99 as a multiple of the baseline's: above 1 is slower. */
  readonly p99Ratio: Figure;
  /** The baseline's CPU time a call as a share of this one's: above 1 is cheaper. */
  readonly cpuRatio: Figure;
  readonly failures: number;
}

/** @param costOf the CPU time of a call that counts */
export function summarize<S extends string, M extends Measurement>(
  measurements: Measurements<S, M>,
  subject: S,
  costOf = ({ cpuMicros }: M): number => cpuMicros,
): Summary<M>[] {
  const [baseline] = measurements.values();
  return [...measurements].map(([name, { [subject]: rounds }]) => {
    const ratio = (of: (own: M, base: M) => number): Figure =>
      figureOf(
        rounds.flatMap((own, round) => {
          const base = baseline?.[subject][round];
          return base ? [of(own, base)] : [];
        }),
      );
    return {
      name,
      rounds,
      ratio: ratio((own, base) => own.perSecond / base.perSecond),
      p99Ratio: ratio((own, base) => own.p99Ms / base.p99Ms),
      cpuRatio: ratio((own, base) => costOf(base) / costOf(own)),
      failures: rounds.reduce((sum, { failures }) => sum + failures, 0),
    };
  });
}

export function medianOf<M extends Measurement>({ rounds }: Summary<M>, of: (measurement: M) => number): number {
  return figureOf(rounds.map(of)).median;
}
