import { assertInvariants } from 'invariants';
import { openServerAlone } from 'testing';
import { printProfile } from '../harness/cpu-profile.ts';
import { describeSetting, publish, settingLine } from '../harness/report.ts';
import { measureInRounds, repeat, summarize } from '../harness/rounds.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { openField, openLomsAlone } from './field.ts';
import { type Contestant, measureOrders, type OrderMeasurement, timingOf, watchPostgres } from './measure.ts';
import { toMarkdown } from './report.ts';
import { SCENARIO_NAMES, type ScenarioName } from './scenario.ts';

interface Options {
  readonly quick: boolean;
  readonly profile: boolean;
  readonly rounds: number;
  /** HTTP connections to loms, and connections of pgbench and of the pg loop to Postgres; loms has as many to Postgres. */
  readonly connections: number;
  /** Of one measurement; pgbench counts whole seconds. */
  readonly seconds: number;
  /** Orders before the first round, so that all code is compiled. */
  readonly warmUpOrders: number;
  readonly warmUpMsMax: number;
  readonly scenarios: readonly ScenarioName[];
}

/** The default of DATABASE_POOL_MAX. */
const CONNECTIONS = 10;
const FULL = { rounds: 4, seconds: 2, warmUpOrders: 1_500, warmUpMsMax: 15_000, scenarios: SCENARIO_NAMES };
const QUICK = { rounds: 2, seconds: 1, warmUpOrders: 500, warmUpMsMax: 3_000, scenarios: ['spread'] as const };
const PROFILE = { warmUpOrders: 3_000, warmUpMsMax: 30_000, seconds: 8 };
const OURS = /^(loms|service-kit|rpc-kit)\/src\//;

/** Not E3, the order of deliveries: pgbench only marks events as delivered, all events of an order at once. */
const RULES = ['S1', 'S2', 'S3', 'O1', 'O4', 'E1'];

await runBenchmark({
  name: 'loms',
  usage: `  --quick             rough figures in less than 40 s, without the hot sku
  --rounds <n>        how many rounds; ${FULL.rounds} by default
  --connections <n>   orders in flight, and connections to Postgres; ${CONNECTIONS} by default
  --profile           a CPU profile of loms instead of the comparison`,
  flags: ['quick', 'profile'],
  texts: ['rounds', 'connections'],
  toOptions({ quick, profile, rounds, connections }): Options {
    const defaults = quick ? QUICK : FULL;
    return {
      ...defaults,
      quick,
      profile,
      rounds: toCount('rounds', rounds, defaults.rounds, 100),
      connections: toCount('connections', connections, CONNECTIONS, 40),
    };
  },
  async run(options) {
    const setting = describeSetting();
    console.log(`${settingLine(setting)}\nStarting a Postgres of its own, durable as in the mesh`);
    await using server = await openServerAlone({ fsync: true });
    if (options.profile) await profileLoms(options, server.folder);
    else await compare(options, server.folder, setting);
  },
});

async function compare(options: Options, folder: string, setting: ReturnType<typeof describeSetting>): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { quick, rounds, seconds, connections, scenarios } = options;
  const field = await openField(stack, { connections, folder });
  for (const line of field.leftOut) console.log(`left out: ${line}`);
  const { contestants } = field;
  const postgresCpu = await watchPostgres(contestants);
  const { measurements, leftOut } = await measureInRounds<Contestant, ScenarioName, OrderMeasurement>({
    contestants,
    subjects: scenarios,
    rounds,
    warmUp: (contestant) => warmUp(contestant, options),
    measure: (contestant, scenario) =>
      measureOrders(contestant, () => contestant.run(scenario, timingOf(connections, seconds)), postgresCpu),
    log: console.log,
  });
  await checkOrders(contestants);
  const costOf = ({ cpuMicros, postgresMicros }: OrderMeasurement) => cpuMicros + postgresMicros;
  const results = {
    setting,
    quick,
    rounds,
    seconds,
    connections,
    durability: await describeDurability(contestants),
    scenarios: scenarios.map((name) => ({ name, contestants: summarize(measurements, name, costOf) })),
    leftOut: [...field.leftOut, ...leftOut],
  };
  await publish('loms', results, toMarkdown(results));
}

async function warmUp(
  contestant: Contestant,
  { connections, warmUpOrders, warmUpMsMax }: Pick<Options, 'connections' | 'warmUpOrders' | 'warmUpMsMax'>,
): Promise<number> {
  const orders = await repeat(() => contestant.run('spread', timingOf(connections, 1)), warmUpOrders, warmUpMsMax);
  await contestant.drain();
  return orders;
}

async function profileLoms({ connections }: Options, folder: string): Promise<void> {
  console.log(`${PROFILE.warmUpOrders} orders of warm-up, then ${PROFILE.seconds} s under the profiler`);
  await printProfile(async (stack, nodeOptions) => {
    const loms = await openLomsAlone(stack, { connections, folder, nodeOptions });
    return {
      warmUp: () => warmUp(loms, { connections, ...PROFILE }),
      cpu: loms.cpu,
      async run() {
        const sample = await loms.run('spread', timingOf(connections, PROFILE.seconds));
        await loms.drain();
        return sample;
      },
    };
  }, OURS);
}

/** The contestants have done the same work only if all of their orders are complete. */
async function checkOrders(contestants: readonly Contestant[]): Promise<void> {
  for (const { name, database } of contestants) {
    await assertInvariants({ loms: (text) => database.query(text) }, { only: RULES });
    const [orders] = await database.query(
      "SELECT count(*) FILTER (WHERE status = 'payed') AS paid, count(*) AS made FROM orders",
    );
    console.log(`invariants hold: ${name}, ${orders?.made} orders, ${orders?.paid} of them paid`);
  }
}

async function describeDurability([first]: readonly Contestant[]): Promise<string> {
  const names = ['server_version', 'fsync', 'full_page_writes', 'synchronous_commit', 'wal_sync_method'];
  const shown = names.map((name) => `current_setting('${name}') AS ${name}`);
  const [settings] = (await first?.database.query(`SELECT ${shown.join(', ')}`)) ?? [];
  const { server_version, ...others } = settings ?? {};
  const values = Object.entries(others).map(([name, value]) => `${name} ${value}`);
  return `Postgres ${server_version}, ${values.join(', ')}`;
}
