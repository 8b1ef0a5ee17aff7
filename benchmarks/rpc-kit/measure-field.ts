import type { Timing } from '../harness/closed-loop.ts';
import { type Measurement, measureInRounds, repeat, rotated, type Summary, summarize } from '../harness/rounds.ts';
import type { Contestant, Field } from './contestants.ts';
import { METHOD_NAMES, type MethodName } from './work.ts';

export interface CallMeasurement extends Measurement {
  /** Bytes that the measured process allocated for each call. */
  readonly allocatedBytes: number;
}

export type CallSummary = Summary<CallMeasurement>;
export type Summaries = Readonly<Record<MethodName, readonly CallSummary[]>>;

export interface MeasuredField {
  readonly summaries: Summaries;
  readonly leftOut: readonly string[];
}

export interface RoundOptions {
  readonly rounds: number;
  /** Of one turn. */
  readonly timing: Timing;
  /** Calls of each method before the first round, so that all code is compiled. */
  readonly warmUpCalls: number;
}

/** A slow contestant must not warm up for minutes. */
const WARM_UP_MS_MAX = 5_000;
/** One turn of the warm-up; longer than a measured one, since nothing else takes turns then. */
const WARM_UP_TURN_MS = 400;
/** Every ratio depends on the baseline, so it has several turns a round: one after this many turns of other contestants. */
const TURNS_BETWEEN_BASELINES = 4;

/** Measures the contenders by turns. The first is the baseline. */
export async function measureField<C extends { readonly name: string }>(
  what: string,
  contenders: readonly C[],
  start: (processes: AsyncDisposableStack, wanted: readonly C[]) => Promise<Field>,
  { rounds, timing, warmUpCalls }: RoundOptions,
): Promise<MeasuredField> {
  if (contenders.length === 0) return { summaries: { createOrder: [], stocks: [] }, leftOut: [] };
  console.log(what);
  const log = (line: string): void => console.log(`  ${line}`);
  await using processes = new AsyncDisposableStack();
  const field = await start(processes, contenders);
  for (const line of field.leftOut) log(`left out: ${line}`);
  const { measurements, leftOut } = await measureInRounds({
    contestants: field.contestants,
    subjects: METHOD_NAMES,
    rounds,
    async warmUp({ prepare, run }) {
      let calls = 0;
      for (const method of METHOD_NAMES) {
        await prepare(method, timing);
        const turn = { ...timing, measureMs: WARM_UP_TURN_MS };
        calls += await repeat(() => run(method, turn), warmUpCalls, WARM_UP_MS_MAX);
      }
      return calls;
    },
    measure: (contestant, method) => measureTurn(contestant, method, timing),
    turnsOf,
    log,
  });
  return {
    summaries: { createOrder: summarize(measurements, 'createOrder'), stocks: summarize(measurements, 'stocks') },
    leftOut: [...field.leftOut, ...leftOut],
  };
}

/** On a machine that is busy with much else, a turn may pass without a call. */
const ATTEMPTS_MAX = 5;

/** The usage is read while no call is in flight, so it belongs to exactly the calls of the run. */
export async function measureTurn(
  contestant: Contestant,
  method: MethodName,
  timing: Timing,
  attempt = 1,
): Promise<CallMeasurement> {
  const { prepare, run, usage } = contestant;
  await prepare(method, timing);
  const before = await usage();
  const { calls, seconds, p50Ms, p99Ms, callsAll, failures } = await run(method, timing);
  const after = await usage();
  if (calls === 0) {
    if (failures === 0 && attempt < ATTEMPTS_MAX) return await measureTurn(contestant, method, timing, attempt + 1);
    throw new Error(`no call succeeded (${failures} failed)`);
  }
  return {
    perSecond: calls / seconds,
    p50Ms,
    p99Ms,
    cpuMicros: (after.cpuMicros - before.cpuMicros) / callsAll,
    allocatedBytes: (after.allocatedBytes - before.allocatedBytes) / callsAll,
    failures,
  };
}

function turnsOf([baseline, ...others]: readonly Contestant[], round: number): Contestant[] {
  if (!baseline) return [];
  const turns = rotated(others, round).flatMap((contestant, index) =>
    (index + 1) % TURNS_BETWEEN_BASELINES === 0 ? [contestant, baseline] : [contestant],
  );
  return [baseline, ...turns];
}
