import { describeSetting, publish, settingLine } from '../harness/report.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { measureAccessTokens } from './access-tokens.ts';
import { openField } from './field.ts';
import { measureFlood } from './login-flood.ts';
import { summarizeRoutes, toMarkdown } from './report.ts';
import { measureRoutes } from './routes.ts';
import { measureServiceTokens } from './service-tokens.ts';

const FULL = { rounds: 7, seconds: 2, warmUpCalls: 3_000, warmUpMsMax: 6_000, tokensEach: 1_000 };
const QUICK = { rounds: 2, seconds: 1, warmUpCalls: 500, warmUpMsMax: 2_000, tokensEach: 200 };
const ROUNDS_MAX = 100;
const CONCURRENCY = 16;

interface Options {
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpCalls: number;
  readonly warmUpMsMax: number;
  readonly tokensEach: number;
}

await runBenchmark({
  name: 'gateway',
  usage: `  --quick             rough figures in about a minute
  --rounds <n>        rounds; ${FULL.rounds} by default`,
  flags: ['quick'],
  texts: ['rounds'],
  toOptions({ quick, rounds }): Options {
    const own = quick ? QUICK : FULL;
    return { ...own, quick, rounds: toCount('rounds', rounds, own.rounds, ROUNDS_MAX) };
  },
  run: measure,
});

/** The cost of the edge, with real processes: the whole mesh, with ACCESS=enforce. */
async function measure({ quick, rounds, seconds, warmUpCalls, warmUpMsMax, tokensEach }: Options): Promise<void> {
  const setting = describeSetting();
  console.log(settingLine(setting));
  const accessTokens = await measureAccessTokens(rounds, tokensEach);
  const serviceTokens = await measureServiceTokens(rounds, tokensEach);
  console.log('Starting a mesh');
  await using stack = new AsyncDisposableStack();
  const field = await openField(stack);
  const timing = { concurrency: CONCURRENCY, warmUpMs: 300, measureMs: seconds * 1_000 };
  const plan = { rounds, timing, warmUpCalls, warmUpMsMax };
  const routes = await measureRoutes(stack, field, plan);
  const flood = await measureFlood(field, { rounds, seconds });
  const results = {
    setting,
    quick,
    rounds,
    seconds,
    concurrency: CONCURRENCY,
    routes: summarizeRoutes(routes.measurements),
    accessTokens,
    serviceTokens,
    flood,
    leftOut: routes.leftOut,
  };
  await publish('gateway', results, toMarkdown(results));
}
