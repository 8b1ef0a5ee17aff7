import { assertInvariants } from 'invariants';
import { openServerAlone } from 'testing';
import { printProfile } from '../harness/cpu-profile.ts';
import { describeSetting, publish, settingLine } from '../harness/report.ts';
import { measureInRounds, repeat, summarize } from '../harness/rounds.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { openField, openLomsAlone } from './field.ts';
import { type Contestant, measureOrders, type OrderMeasurement, timingOf, watchPostgres } from './measure.ts';
import { toMarkdown } from './report.ts';
import { COMPARED, type ScenarioName } from './scenario.ts';

interface Options {
  readonly quick: boolean;
  readonly profile: boolean;
  readonly rounds: number;
  /** The folder of another checkout, whose loms is the baseline; the other contestants do not take part. */
  readonly before: string | undefined;
  /** Of one measurement; pgbench counts whole seconds. */
  readonly seconds: number;
  /** Orders before the first round, so that all code is compiled. */
  readonly warmUpOrders: number;
  readonly warmUpMsMax: number;
  readonly scenarios: readonly ScenarioName[];
}

const FULL = { rounds: 4, seconds: 2, warmUpOrders: 1_500, warmUpMsMax: 15_000, scenarios: COMPARED };
const QUICK = {
  rounds: 2,
  seconds: 1,
  warmUpOrders: 500,
  warmUpMsMax: 3_000,
  scenarios: ['spread-8', 'spread-32'] as const,
};
const PROFILE = { warmUpOrders: 3_000, warmUpMsMax: 30_000, seconds: 8 };
const WARM_UP: ScenarioName = 'spread';
const OURS = /^(loms|service-kit|rpc-kit)\/src\//;

/** Not E3, the order of deliveries: pgbench only marks events as delivered, all events of an order at once. */
const RULES = ['S1', 'S2', 'S3', 'O1', 'O4', 'E1'];

await runBenchmark({
  name: 'loms',
  usage: `  --quick             rough figures in less than 40 s, without the hot sku
  --rounds <n>        how many rounds; ${FULL.rounds} by default
  --before <folder>   compare with the loms of another checkout only: git worktree add <folder> <commit>, npm ci
  --profile           a CPU profile of loms instead of the comparison`,
  flags: ['quick', 'profile'],
  texts: ['rounds', 'before'],
  toOptions({ quick, profile, rounds, before }): Options {
    const defaults = quick ? QUICK : FULL;
    return {
      ...defaults,
      quick,
      profile,
      rounds: toCount('rounds', rounds, defaults.rounds, 100),
      before,
    };
  },
  async run(options) {
    const setting = describeSetting();
    console.log(`${settingLine(setting)}\nStarting a Postgres of its own, durable as in the mesh`);
    await using server = await openServerAlone({ fsync: true });
    if (options.profile) await profileLoms(server.folder);
    else await compare(options, server.folder, setting);
  },
});

async function compare(options: Options, folder: string, setting: ReturnType<typeof describeSetting>): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { quick, rounds, seconds, before, scenarios } = options;
  const field = await openField(stack, { folder, before });
  for (const line of field.leftOut) console.log(`left out: ${line}`);
  const { contestants } = field;
  const postgresCpu = await watchPostgres(contestants);
  const { measurements, leftOut } = await measureInRounds<Contestant, ScenarioName, OrderMeasurement>({
    contestants,
    subjects: scenarios,
    rounds,
    warmUp: (contestant) => warmUp(contestant, options),
    measure: (contestant, scenario) =>
      measureOrders(contestant, () => contestant.run(scenario, timingOf(scenario, seconds)), postgresCpu),
    log: console.log,
  });
  await checkOrders(contestants);
  const costOf = ({ cpuMicros, postgresMicros }: OrderMeasurement) => cpuMicros + postgresMicros;
  const results = {
    setting,
    quick,
    rounds,
    seconds,
    durability: await describeDurability(contestants),
    scenarios: scenarios.map((name) => ({ name, contestants: summarize(measurements, name, costOf) })),
    leftOut: [...field.leftOut, ...leftOut],
  };
  await publish('loms', results, toMarkdown(results));
}

async function warmUp(
  contestant: Contestant,
  { warmUpOrders, warmUpMsMax }: Pick<Options, 'warmUpOrders' | 'warmUpMsMax'>,
): Promise<number> {
  const orders = await repeat(() => contestant.run(WARM_UP, timingOf(WARM_UP, 1)), warmUpOrders, warmUpMsMax);
  await contestant.drain();
  return orders;
}

async function profileLoms(folder: string): Promise<void> {
  console.log(`${PROFILE.warmUpOrders} orders of warm-up, then ${PROFILE.seconds} s under the profiler`);
  await printProfile(async (stack, nodeOptions) => {
    const loms = await openLomsAlone(stack, { folder, nodeOptions });
    return {
      warmUp: () => warmUp(loms, PROFILE),
      cpu: loms.cpu,
      async run() {
        const sample = await loms.run(WARM_UP, timingOf(WARM_UP, PROFILE.seconds));
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
