import { markdownTable } from 'rpc-kit/markdown-table';
import { type Bar, barTable, type Results, toReport } from '../harness/report.ts';
import { goodputBefore, ofTheEnd, type Phases, RECOVERED_SHARE, recoverySeconds, type Tally } from './tally.ts';
import { ALL, NAIVELY, type Variant } from './variants.ts';
import { ATTEMPTS_MAX, CALLS_PER_SECOND_MAX, TIMEOUT_MS } from './work.ts';

export interface VariantRun {
  readonly variant: Variant;
  readonly tally: Tally;
}

export interface MetastableResults extends Results {
  readonly seed: number;
  readonly perSecond: number;
  readonly phases: Phases;
  readonly runs: readonly VariantRun[];
}

const RECOVERY_MAX_SECONDS = 5;

export function toMarkdown(results: MetastableResults): string {
  const { seed, perSecond, phases, runs } = results;
  const method = [
    `Seed ${seed}: ${perSecond} calls a second for a service that does ${CALLS_PER_SECOND_MAX}`,
    `a stall of ${phases.stallSeconds} s after ${phases.beforeSeconds} s`,
    `then ${phases.afterSeconds} s`,
    `timeout ${TIMEOUT_MS} ms; up to ${ATTEMPTS_MAX} attempts`,
    'a new server and new callers for each row.',
  ].join('; ');
  const head = ['', 'goodput before/s', 'back after, s', 'goodput at the end/s', 'attempts at the end/s'];
  const rows = runs.map(({ variant, tally }) => [
    variant.name,
    goodputBefore(tally, phases).toFixed(0),
    secondsOf(recoverySeconds(tally, phases)),
    ofTheEnd(tally.goodput, phases).toFixed(0),
    ofTheEnd(tally.attempts, phases).toFixed(0),
  ]);
  return toReport(results, method, [markdownTable(head, rows, 1), barTable(barsOf(results))]);
}

/** One run in a line of text. */
export function lineOf({ variant, tally }: VariantRun, phases: Phases): string {
  const back = recoverySeconds(tally, phases);
  const end = `${ofTheEnd(tally.goodput, phases).toFixed(0)} good of ${ofTheEnd(tally.attempts, phases).toFixed(0)} attempts/s at the end`;
  return `${variant.name}: ${Number.isFinite(back) ? `back after ${back} s` : 'not back'}; ${end}`;
}

function barsOf({ runs, phases }: MetastableResults): Bar[] {
  return runs.flatMap(({ variant, tally }): Bar[] => {
    const back = recoverySeconds(tally, phases);
    if (variant.name === ALL.name) {
      const what = `${ALL.name}: ${RECOVERED_SHARE * 100} % of the goodput within ${RECOVERY_MAX_SECONDS} s of the stall's end`;
      return [{ what, met: back <= RECOVERY_MAX_SECONDS, reached: `${secondsOf(back)} s` }];
    }
    if (variant.name !== NAIVELY.name) return [];
    const what = `${NAIVELY.name}: still down at the end, or the trigger was too weak to show anything`;
    return [{ what, met: !Number.isFinite(back), reached: secondsOf(back) }];
  });
}

function secondsOf(seconds: number): string {
  return Number.isFinite(seconds) ? String(seconds) : 'never';
}
