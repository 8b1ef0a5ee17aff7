import { randomInt } from 'node:crypto';
import { markdownTable } from 'rpc-kit/markdown-table';
import type { Timing } from '../harness/closed-loop.ts';
import { figureOf, withQuartiles } from '../harness/figure.ts';
import { type BenchProcess, startProcess } from '../harness/process.ts';
import { describeSetting, publish, settingLine, toReport } from '../harness/report.ts';
import { measureInRounds, medianOf, repeat, rotated, summarize } from '../harness/rounds.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { measureTurn } from '../rpc-kit/measure-field.ts';
import type { TailSample } from './load.ts';
import { COSTS, STALLS, TAILS } from './variants.ts';

interface Options {
  readonly quick: boolean;
  readonly rounds: number;
  readonly seed: number;
}

const ROUNDS = { full: 12, quick: 3 };
const COUNT_MAX = 9_999;
const SEED_MAX = 1_000_000;
const PACE = { perSecond: 300, seconds: 3 };
const REPLY_MS = 30_000;
const TIMING: Timing = { concurrency: 32, warmUpMs: 0, measureMs: 50 };
const COST_ROUNDS = { full: 40, quick: 10 };
const WARM_UP_CALLS = 200_000;
const WARM_UP_MS_MAX = 5_000;

await runBenchmark({
  name: 'hedging',
  usage: `  --quick             rough figures in a minute
  --rounds <n>        rounds of the tail; ${ROUNDS.full} by default
  --seed <n>          which calls stall; random by default`,
  flags: ['quick'],
  texts: ['rounds', 'seed'],
  toOptions({ quick, rounds, seed }): Options {
    return {
      quick,
      rounds: toCount('rounds', rounds, quick ? ROUNDS.quick : ROUNDS.full, COUNT_MAX),
      seed: toCount('seed', seed, randomInt(1, SEED_MAX), SEED_MAX),
    };
  },
  async run({ quick, rounds, seed }) {
    const setting = describeSetting();
    console.log(`${settingLine(setting)}\nseed ${seed}`);
    const tails = await measureTails(rounds, seed);
    const costs = await measureCosts(quick ? COST_ROUNDS.quick : COST_ROUNDS.full);
    const how = `Two replicas, each of which delays ${STALLS.share * 100} % of its calls by ${STALLS.ms} ms; ${PACE.perSecond} calls a second for ${PACE.seconds} s in each of ${rounds} rounds, by turns; seed ${seed}. Ratios are taken round by round, with their quartiles.`;
    const results = { setting, quick, seed, tails, costs };
    await publish('hedging', results, toReport(results, how, [tailTable(tails), costTable(costs)]));
  },
});

/** Of each variant, a sample of each round. */
async function measureTails(rounds: number, seed: number): Promise<TailSample[][]> {
  await using processes = new AsyncDisposableStack();
  const start = (file: string, args: readonly string[]): BenchProcess =>
    processes.use(startProcess(new URL(file, import.meta.url), args));
  const servers = [start('serve.ts', [`${seed}`]), start('serve.ts', [`${seed + 1}`])];
  const urls = await Promise.all(servers.map((server) => server.ask<string>('url')));
  const callers = TAILS.map((_, index) => start('load.ts', [`${index}`, ...urls]));
  const samples: TailSample[][] = TAILS.map(() => []);
  // The first round compiles the code and finds the percentile.
  for (let round = 0; round <= rounds; round++) {
    for (const [index, caller] of rotated([...callers.entries()], round)) {
      const sample = await caller.ask<TailSample>('run', PACE, REPLY_MS);
      if (round > 0) samples[index]?.push(sample);
    }
    console.log(`  round ${round} of ${rounds}: p99 ${samples.map((of) => of.at(-1)?.p99Ms.toFixed(1)).join(', ')} ms`);
  }
  return samples;
}

function tailTable(tails: readonly TailSample[][]): string {
  const [baseline = []] = tails;
  const rows = tails.map((samples, index) => {
    const median = (of: (sample: TailSample) => number) => figureOf(samples.map(of)).median;
    const ratio = figureOf(samples.map(({ p99Ms }, round) => p99Ms / (baseline[round]?.p99Ms ?? Number.NaN)));
    const calls = samples.reduce((sum, { succeeded }) => sum + succeeded, 0);
    const hedges = samples.reduce((sum, sample) => sum + sample.hedges, 0);
    const failed = samples.reduce((sum, sample) => sum + sample.failed, 0);
    return [
      TAILS[index]?.name ?? '',
      median(({ p50Ms }) => p50Ms).toFixed(1),
      median(({ p95Ms }) => p95Ms).toFixed(1),
      median(({ p99Ms }) => p99Ms).toFixed(1),
      withQuartiles(ratio),
      `${((100 * hedges) / calls).toFixed(1)} %`,
      median(({ cpuMicros, succeeded }) => cpuMicros / succeeded).toFixed(0),
      `${failed}`,
    ];
  });
  const head = [
    'second attempt',
    'p50 ms',
    'p95 ms',
    'p99 ms',
    'p99, of the baseline',
    'calls sent twice',
    'CPU µs/call',
    'failed',
  ];
  return markdownTable(head, rows, 1);
}

async function measureCosts(rounds: number) {
  await using processes = new AsyncDisposableStack();
  const contestants = Object.keys(COSTS).map((name) => {
    const child = processes.use(startProcess(new URL('cost.ts', import.meta.url), [name]));
    const run = () => child.ask<never>('run', TIMING);
    return { name, prepare: async () => {}, run, usage: () => child.ask<never>('usage') };
  });
  const { measurements } = await measureInRounds({
    contestants,
    subjects: ['stocks'],
    rounds,
    warmUp: ({ run }) => repeat(run, WARM_UP_CALLS, WARM_UP_MS_MAX),
    measure: (contestant, subject) => measureTurn(contestant, subject, TIMING),
    log: (line) => console.log(`  ${line}`),
  });
  const summaries = summarize(measurements, 'stocks');
  const [baseline] = summaries;
  return summaries.map((summary) => {
    const micros = medianOf(summary, ({ cpuMicros }) => cpuMicros);
    const base = baseline?.rounds ?? [];
    const over = summary.rounds.map(({ cpuMicros }, round) => cpuMicros - (base[round]?.cpuMicros ?? Number.NaN));
    return { name: summary.name, micros, over: figureOf(over) };
  });
}

function costTable(costs: Awaited<ReturnType<typeof measureCosts>>): string {
  const rows = costs.map(({ name, micros, over }) => [name, micros.toFixed(2), withQuartiles(over)]);
  return markdownTable(['around a call in this process', 'CPU µs/call', 'µs over none'], rows, 1);
}
