import { markdownTable } from 'rpc-kit/markdown-table';
import type { Timing } from '../harness/closed-loop.ts';
import { pickCores } from '../harness/cores.ts';
import { checkOutEarlier, MissingCommit } from '../harness/earlier-build.ts';
import { figureOf, withQuartiles } from '../harness/figure.ts';
import { startProcess } from '../harness/process.ts';
import { describeSetting, leftOutList, publish, settingLine, toReport } from '../harness/report.ts';
import { measureInRounds, medianOf, repeat, type Summary, summarize } from '../harness/rounds.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import type { Contestant } from '../rpc-kit/contestants.ts';
import { type CallMeasurement, measureTurn } from '../rpc-kit/measure-field.ts';
import type { MethodName } from '../rpc-kit/work.ts';
import { VARIANTS } from './variants.ts';

interface Options {
  readonly quick: boolean;
  readonly rounds: number;
  /** A commit whose balancer takes part, with everything off. */
  readonly before: string | undefined;
}

const TIMING: Timing = { concurrency: 32, warmUpMs: 0, measureMs: 50 };
const WARM_UP_CALLS = 200_000;
const WARM_UP_MS_MAX = 5_000;
const ROUNDS = { full: 40, quick: 10 };
const COUNT_MAX = 9_999;
/** The method makes no difference: no call leaves the process. */
const METHOD: MethodName = 'stocks';

await runBenchmark({
  name: 'balancer',
  usage: `  --quick             rough figures in a quarter of a minute
  --rounds <n>        how many rounds; ${ROUNDS.full} by default
  --before <commit>   also the balancer of that commit, with everything off`,
  flags: ['quick'],
  texts: ['rounds', 'before'],
  toOptions({ quick, rounds, before }): Options {
    return { quick, before, rounds: toCount('rounds', rounds, quick ? ROUNDS.quick : ROUNDS.full, COUNT_MAX) };
  },
  async run(options) {
    try {
      await using build = options.before === undefined ? undefined : await checkOutEarlier(options.before);
      await measure(options, build && { title: `everything off, at ${build.commit}`, folder: build.folder });
    } catch (error) {
      if (!(error instanceof MissingCommit)) throw error;
      console.error(error.message);
      process.exitCode = 1;
    }
  },
});

async function measure({ quick, rounds }: Options, earlier?: { title: string; folder: URL }): Promise<void> {
  const setting = describeSetting();
  console.log(settingLine(setting));
  await using processes = new AsyncDisposableStack();
  const cores = pickCores();
  const start = (name: string, variant: string, folder: URL): Contestant => {
    const kit = new URL('rpc-kit/src/index.ts', folder).href;
    const child = processes.use(startProcess(new URL('run.ts', import.meta.url), [variant, kit], [], cores?.measured));
    return { name, prepare: async () => {}, run: () => child.ask('run', TIMING), usage: () => child.ask('usage') };
  };
  const here = new URL('../../', import.meta.url);
  const contestants = VARIANTS.map(({ name }) => start(name, name, here));
  if (earlier) contestants.push(start('plain-before', 'plain', earlier.folder));

  const { measurements, leftOut } = await measureInRounds({
    contestants,
    subjects: [METHOD],
    rounds,
    warmUp: ({ run }) => repeat(() => run(METHOD, TIMING), WARM_UP_CALLS, WARM_UP_MS_MAX),
    measure: (contestant, method) => measureTurn(contestant, method, TIMING),
    log: (line) => console.log(`  ${line}`),
  });
  const summaries = summarize(measurements, METHOD);
  const titles = new Map(VARIANTS.map(({ name, title }) => [name, title]));
  if (earlier) titles.set('plain-before', earlier.title);
  const how = `${rounds} rounds of ${TIMING.measureMs} ms for each, by turns; ${TIMING.concurrency} calls in flight; four endpoints that answer at once; differences are taken round by round, with their quartiles.`;
  const results = { setting, quick, rounds, summaries, leftOut };
  await publish('balancer', results, toReport(results, how, [table(summaries, titles), leftOutList(leftOut)]));
}

function table(summaries: readonly Summary<CallMeasurement>[], titles: ReadonlyMap<string, string>): string {
  const plain = summaries.find(({ name }) => name === 'plain');
  const rows = summaries.map((summary) => {
    const over = summary.rounds.map(
      ({ cpuMicros }, round) => cpuMicros - (plain?.rounds[round]?.cpuMicros ?? Number.NaN),
    );
    const micros = medianOf(summary, ({ cpuMicros }) => cpuMicros).toFixed(2);
    const bytes = Math.round(medianOf(summary, ({ allocatedBytes }) => allocatedBytes));
    return [titles.get(summary.name) ?? summary.name, micros, withQuartiles(figureOf(over)), `${bytes}`];
  });
  return markdownTable(['balancer', 'CPU µs/call', 'µs over everything off', 'bytes/call'], rows, 1);
}
