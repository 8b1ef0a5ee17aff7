import type { Timing } from '../harness/closed-loop.ts';
import { printProfile } from '../harness/cpu-profile.ts';
import { describeSetting, publish, settingLine } from '../harness/report.ts';
import { measureInRounds, measureRun, repeat, rotated, summarize } from '../harness/rounds.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { judge, type Summaries } from './bars.ts';
import { CLIENTS, SERVERS } from './contenders.ts';
import { type Contestant, type Field, startClients, startServers } from './contestants.ts';
import { installPeers } from './peers.ts';
import { toMarkdown } from './report.ts';
import { METHOD_NAMES, type MethodName } from './work.ts';

interface Options {
  readonly quick: boolean;
  readonly rounds: number;
  /** Of one measurement. */
  readonly timing: Timing;
  /** Calls of each method before the first round, so that all code is compiled. */
  readonly warmUpCalls: number;
  /** The names of the contenders to measure. */
  readonly only: ReadonlySet<string>;
  /** The contender to profile instead. */
  readonly profile: string | undefined;
  /** The method to profile. */
  readonly method: MethodName;
}

const CONCURRENCY = 32;
const FULL = { rounds: 7, warmUpCalls: 20_000, timing: { warmUpMs: 100, measureMs: 500 } };
const QUICK = { rounds: 2, warmUpCalls: 3_000, timing: { warmUpMs: 100, measureMs: 300 } };
const PROFILE = { warmUpMs: 2_000, measureMs: 6_000 };
const OURS = /^rpc-kit\/src\//;
const COUNT_MAX = 9_999;
const WARM_UP_MS_MAX = 5_000;
/** Every ratio depends on the baseline, so it has several turns a round: one after this many turns of other contestants. */
const TURNS_BETWEEN_BASELINES = 4;

const NAMES = [...SERVERS, ...CLIENTS].map(({ name }) => name as string);

await runBenchmark({
  name: 'rpc-kit',
  usage: `  --quick             rough figures in less than a minute
  --rounds <n>        how many rounds; ${FULL.rounds} by default
  --concurrency <n>   calls in flight; ${CONCURRENCY} by default
  --only <names>      some contenders, separated by commas, and the two baselines
  --profile <name>    a CPU profile of one contender instead of the comparison
  --method <name>     the method to profile: ${METHOD_NAMES.join(' or ')}
  names: ${NAMES.join(', ')}`,
  flags: ['quick'],
  texts: ['rounds', 'concurrency', 'only', 'profile', 'method'],
  toOptions({ quick, profile, ...values }): Options {
    const { timing, warmUpCalls, ...defaults } = quick ? QUICK : FULL;
    const only = new Set(values.only?.split(',') ?? NAMES);
    const unknown = [...only, ...(profile ? [profile] : [])].find((name) => !NAMES.includes(name));
    if (unknown !== undefined) throw new TypeError(`There is no contender "${unknown}".`);
    const method = METHOD_NAMES.find((name) => name === (values.method ?? METHOD_NAMES[0]));
    if (!method) throw new TypeError(`There is no method "${values.method}".`);
    const rounds = toCount('rounds', values.rounds, defaults.rounds, COUNT_MAX);
    const concurrency = toCount('concurrency', values.concurrency, CONCURRENCY, COUNT_MAX);
    return { quick, rounds, timing: { ...timing, concurrency }, warmUpCalls, only, profile, method };
  },
  async run(options) {
    await installPeers(console.log);
    if (options.profile !== undefined) await profile(options.profile, options);
    else await compare(options);
  },
});

async function compare(options: Options): Promise<void> {
  const setting = describeSetting();
  console.log(settingLine(setting));
  if ((setting.loadAverage[0] ?? 0) > 1) console.log('The machine is busy: read the ratios by CPU time first.');
  const servers = await measureField('Servers', SERVERS, startServers, options);
  const clients = await measureField('Clients', CLIENTS, startClients, options);
  const results = {
    setting,
    quick: options.quick,
    rounds: options.rounds,
    timing: options.timing,
    servers: servers.summaries,
    clients: clients.summaries,
    bars: judge(servers.summaries, clients.summaries),
    leftOut: [...servers.leftOut, ...clients.leftOut],
  };
  await publish('rpc-kit', results, toMarkdown(results));
}

/** The first contender is the baseline; it takes part whenever another one does. */
async function measureField<C extends { readonly name: string }>(
  what: string,
  contenders: readonly C[],
  start: (processes: AsyncDisposableStack, wanted: readonly C[]) => Promise<Field>,
  { only, rounds, timing, warmUpCalls }: Options,
): Promise<{ summaries: Summaries; leftOut: readonly string[] }> {
  if (!contenders.some(({ name }) => only.has(name))) {
    return { summaries: { createOrder: [], stocks: [] }, leftOut: [] };
  }
  console.log(what);
  const log = (line: string): void => console.log(`  ${line}`);
  await using processes = new AsyncDisposableStack();
  const wanted = contenders.filter(({ name }, index) => index === 0 || only.has(name));
  const field = await start(processes, wanted);
  for (const line of field.leftOut) log(`left out: ${line}`);
  const { measurements, leftOut } = await measureInRounds({
    contestants: field.contestants,
    subjects: METHOD_NAMES,
    rounds,
    async warmUp({ run }) {
      let calls = 0;
      for (const method of METHOD_NAMES) calls += await repeat(() => run(method, timing), warmUpCalls, WARM_UP_MS_MAX);
      return calls;
    },
    measure: ({ run, cpu }, method) => measureRun(() => run(method, timing), cpu),
    turnsOf,
    log,
  });
  return {
    summaries: { createOrder: summarize(measurements, 'createOrder'), stocks: summarize(measurements, 'stocks') },
    leftOut: [...field.leftOut, ...leftOut],
  };
}

function turnsOf([baseline, ...others]: readonly Contestant[], round: number): Contestant[] {
  if (!baseline) return [];
  const turns = rotated(others, round).flatMap((contestant, index) =>
    (index + 1) % TURNS_BETWEEN_BASELINES === 0 ? [contestant, baseline] : [contestant],
  );
  return [baseline, ...turns];
}

async function profile(name: string, { method, timing }: Options): Promise<void> {
  const { warmUpMs, measureMs } = PROFILE;
  console.log(`${name}, ${method}: ${warmUpMs / 1_000} s of warm-up, then ${measureMs / 1_000} s under the profiler`);
  await printProfile(async (processes, nodeOptions) => {
    const isNamed = (contender: { readonly name: string }): boolean => contender.name === name;
    const { contestants, leftOut } = SERVERS.some(isNamed)
      ? await startServers(processes, SERVERS.filter(isNamed), nodeOptions)
      : await startClients(processes, CLIENTS.filter(isNamed), nodeOptions);
    const [contestant] = contestants;
    if (!contestant) throw new Error(leftOut.join('; '));
    const { run, cpu } = contestant;
    return {
      warmUp: () => run(method, { ...timing, warmUpMs: 0, measureMs: warmUpMs }),
      run: () => run(method, { ...timing, warmUpMs: 0, measureMs }),
      cpu,
    };
  }, OURS);
}
