import { printProfile } from '../harness/cpu-profile.ts';
import { checkOutEarlier, MissingCommit } from '../harness/earlier-build.ts';
import { describeSetting, publish, settingLine } from '../harness/report.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { judge } from './bars.ts';
import { ABLATION, BATCHES, CLIENTS, earlierServers, SERVERS, type ServerContender } from './contenders.ts';
import { startClients, startServers } from './contestants.ts';
import { measureField, type RoundOptions } from './measure-field.ts';
import { installPeers } from './peers.ts';
import { toAblationMarkdown, toMarkdown } from './report.ts';
import { METHOD_NAMES, type MethodName } from './work.ts';

interface Options extends RoundOptions {
  readonly quick: boolean;
  readonly ablate: boolean;
  /** The names of the contenders to measure. */
  readonly only: ReadonlySet<string>;
  /** A commit whose rpc-kit takes part, too. */
  readonly before: string | undefined;
  /** The contender to profile instead. */
  readonly profile: string | undefined;
  /** The method to profile. */
  readonly method: MethodName;
}

const CONCURRENCY = 32;
const TIMING = { warmUpMs: 20, measureMs: 100 };
const FULL = { rounds: 30, warmUpCalls: 20_000 };
const QUICK = { rounds: 7, warmUpCalls: 3_000 };
const PROFILE = { warmUpMs: 2_000, measureMs: 6_000 };
const OURS = /^rpc-kit\/src\//;
const COUNT_MAX = 9_999;

const NAMES = [...SERVERS, ...BATCHES, ...CLIENTS, ...ABLATION].map(({ name }) => name as string);

await runBenchmark({
  name: 'rpc-kit',
  usage: `  --quick             rough figures in about a minute
  --rounds <n>        how many rounds; ${FULL.rounds} by default
  --concurrency <n>   calls in flight; ${CONCURRENCY} by default
  --only <names>      some contenders, separated by commas, and the baseline of each table
  --ablate            instead of the comparison: rpc-kit's server with one part taken away at a time
  --before <commit>   also rpc-kit's server as it was at that commit
  --profile <name>    a CPU profile of one contender instead of the comparison
  --method <name>     the method to profile: ${METHOD_NAMES.join(' or ')}
  names: ${[...new Set(NAMES)].join(', ')}`,
  flags: ['quick', 'ablate'],
  texts: ['rounds', 'concurrency', 'only', 'before', 'profile', 'method'],
  toOptions({ quick, ablate, profile, before, ...values }): Options {
    const { warmUpCalls, ...defaults } = quick ? QUICK : FULL;
    const only = new Set(values.only?.split(',') ?? NAMES);
    const unknown = [...only, ...(profile ? [profile] : [])].find((name) => !NAMES.includes(name));
    if (unknown !== undefined) throw new TypeError(`There is no contender "${unknown}".`);
    const method = METHOD_NAMES.find((name) => name === (values.method ?? METHOD_NAMES[0]));
    if (!method) throw new TypeError(`There is no method "${values.method}".`);
    const rounds = toCount('rounds', values.rounds, defaults.rounds, COUNT_MAX);
    const concurrency = toCount('concurrency', values.concurrency, CONCURRENCY, COUNT_MAX);
    return { quick, ablate, rounds, timing: { ...TIMING, concurrency }, warmUpCalls, only, before, profile, method };
  },
  async run(options) {
    await installPeers(console.log);
    if (options.profile !== undefined) return await profile(options.profile, options);
    try {
      await using build = options.before === undefined ? undefined : await checkOutEarlier(options.before);
      const earlier = build ? earlierServers(build.commit, build.folder) : [];
      await (options.ablate ? ablate : compare)(options, earlier);
    } catch (error) {
      if (!(error instanceof MissingCommit)) throw error;
      console.error(error.message);
      process.exitCode = 1;
    }
  },
});

async function compare(options: Options, earlier: readonly ServerContender[]): Promise<void> {
  const { quick, rounds, timing, only } = options;
  const setting = describeSetting();
  console.log(settingLine(setting));
  const earlierOf = (field: readonly ServerContender[]) =>
    earlier.filter(({ name }) => field.some((now) => `${now.name}-before` === name));
  const serverField = [...pick(SERVERS, only), ...earlierOf(pick(SERVERS, only))];
  const batchField = [...pick(BATCHES, only), ...earlierOf(pick(BATCHES, only))];
  const servers = await measureField('Servers', serverField, startServers, options);
  const batches = await measureField('Batches', batchField, startServers, options);
  const clients = await measureField('Clients', pick(CLIENTS, only), startClients, options);
  const fields = { servers: servers.summaries, batches: batches.summaries, clients: clients.summaries };
  const leftOut = [servers, batches, clients].flatMap((field) => field.leftOut);
  const results = { setting, quick, rounds, timing, earlier, ...fields, bars: judge(fields), leftOut };
  await publish('rpc-kit', results, toMarkdown(results));
}

async function ablate(options: Options, earlier: readonly ServerContender[]): Promise<void> {
  const { quick, rounds, timing, only } = options;
  const setting = describeSetting();
  console.log(settingLine(setting));
  const field = [...pick(ABLATION, only), ...earlier.filter(({ batch }) => batch === undefined)];
  const { summaries: ablation, leftOut } = await measureField('Ablation', field, startServers, options);
  const results = { setting, quick, rounds, timing, earlier, ablation, leftOut };
  await publish('rpc-kit', results, toAblationMarkdown(results), 'ablation');
}

/** The first contender is the baseline; it takes part whenever another one does. */
function pick<C extends { readonly name: string }>(contenders: readonly C[], only: ReadonlySet<string>): readonly C[] {
  const isWanted = ({ name }: C): boolean => only.has(name);
  return contenders.some(isWanted) ? contenders.filter((contender, index) => index === 0 || isWanted(contender)) : [];
}

async function profile(name: string, { method, timing }: Options): Promise<void> {
  const { warmUpMs, measureMs } = PROFILE;
  console.log(`${name}, ${method}: ${warmUpMs / 1_000} s of warm-up, then ${measureMs / 1_000} s under the profiler`);
  await printProfile(async (processes, nodeOptions) => {
    const servers: readonly ServerContender[] = [...SERVERS, ...BATCHES, ...ABLATION];
    const server = servers.find((contender) => contender.name === name);
    const { contestants, leftOut } = server
      ? await startServers(processes, [server], nodeOptions)
      : await startClients(
          processes,
          CLIENTS.filter((contender) => contender.name === name),
          nodeOptions,
        );
    const [contestant] = contestants;
    if (!contestant) throw new Error(leftOut.join('; '));
    const { prepare, run, usage } = contestant;
    return {
      warmUp: () => prepare(method, { ...timing, warmUpMs }),
      run: () => run(method, { ...timing, measureMs }),
      cpu: async () => (await usage()).cpuMicros,
    };
  }, OURS);
}
