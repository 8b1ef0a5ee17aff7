import { printProfile } from '../harness/cpu-profile.ts';
import { describeSetting, publish, settingLine } from '../harness/report.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { measureField, type RoundOptions } from '../rpc-kit/measure-field.ts';
import { METHOD_NAMES, type MethodName } from '../rpc-kit/work.ts';
import { CLIENTS, type ClientName, SERVERS, type ServerName } from './contenders.ts';
import { startClients, startServers } from './contestants.ts';
import { toMarkdown } from './report.ts';

interface Options extends RoundOptions {
  readonly quick: boolean;
  /** The contender to profile instead: `server:grpc`. */
  readonly profile: string | undefined;
  readonly method: MethodName;
  /** The names of the contenders to measure. */
  readonly only: ReadonlySet<string>;
}

const CONCURRENCY = 32;
const TIMING = { warmUpMs: 20, measureMs: 100 };
const FULL = { rounds: 30, warmUpCalls: 20_000 };
const QUICK = { rounds: 7, warmUpCalls: 3_000 };
const PROFILE = { warmUpMs: 2_000, measureMs: 6_000 };
const OURS = /^rpc-kit\/src\//;
const COUNT_MAX = 9_999;
const NAMES = SERVERS.map(({ name }) => name as string);

await runBenchmark({
  name: 'grpc',
  usage: `  --quick             rough figures in half a minute
  --rounds <n>        how many rounds; ${FULL.rounds} by default
  --concurrency <n>   calls in flight; ${CONCURRENCY} by default
  --only <names>      some contenders, separated by commas, and the baseline
  --profile <name>    a CPU profile of one contender instead: server:<name> or client:<name>
  --method <name>     the method to profile: ${METHOD_NAMES.join(' or ')}
  names: ${NAMES.join(', ')}`,
  flags: ['quick'],
  texts: ['rounds', 'concurrency', 'only', 'profile', 'method'],
  toOptions({ quick, profile, ...values }): Options {
    const { warmUpCalls, ...defaults } = quick ? QUICK : FULL;
    const only = new Set(values.only?.split(',') ?? NAMES);
    const [side, profiled] = profile?.split(':') ?? [];
    const isProfile = (side === 'server' || side === 'client') && NAMES.includes(profiled ?? '');
    if (profile !== undefined && !isProfile) throw new TypeError(`There is no contender "${profile}".`);
    const unknown = [...only].find((name) => !NAMES.includes(name));
    if (unknown !== undefined) throw new TypeError(`There is no contender "${unknown}".`);
    const method = METHOD_NAMES.find((name) => name === (values.method ?? METHOD_NAMES[0]));
    if (!method) throw new TypeError(`There is no method "${values.method}".`);
    const rounds = toCount('rounds', values.rounds, defaults.rounds, COUNT_MAX);
    const concurrency = toCount('concurrency', values.concurrency, CONCURRENCY, COUNT_MAX);
    return { quick, profile, method, only, rounds, timing: { ...TIMING, concurrency }, warmUpCalls };
  },
  run: (options) => (options.profile === undefined ? compare(options) : profile(options.profile, options)),
});

async function compare(options: Options): Promise<void> {
  const { quick, rounds, timing, only } = options;
  const setting = describeSetting();
  console.log(settingLine(setting));
  const servers = await measureField('Servers', pick(SERVERS, only), startServers, options);
  const clients = await measureField('Clients', pick(CLIENTS, only), startClients, options);
  const results = {
    setting,
    quick,
    rounds,
    timing,
    servers: servers.summaries,
    clients: clients.summaries,
    leftOut: [...servers.leftOut, ...clients.leftOut],
  };
  await publish('grpc', results, toMarkdown(results));
}

function pick<C extends { readonly name: string }>(contenders: readonly C[], only: ReadonlySet<string>): readonly C[] {
  return contenders.filter(({ name }, index) => index === 0 || only.has(name));
}

async function profile(wanted: string, { method, timing }: Options): Promise<void> {
  const { warmUpMs, measureMs } = PROFILE;
  const [side, name] = wanted.split(':');
  console.log(`${wanted}, ${method}: ${warmUpMs / 1_000} s of warm-up, then ${measureMs / 1_000} s under the profiler`);
  await printProfile(async (processes, nodeOptions) => {
    const { contestants } =
      side === 'server'
        ? await startServers(processes, [{ name: name as ServerName }], nodeOptions)
        : await startClients(processes, [{ name: name as ClientName }], nodeOptions);
    const [contestant] = contestants;
    if (!contestant) throw new Error(`${wanted} did not start`);
    const { prepare, run, usage } = contestant;
    return {
      warmUp: () => prepare(method, { ...timing, warmUpMs }),
      run: () => run(method, { ...timing, measureMs }),
      cpu: async () => (await usage()).cpuMicros,
    };
  }, OURS);
}
