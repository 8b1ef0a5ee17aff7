import type { Contestant, ContestantName } from './contestant.ts';
import { cpuOfPostgres, postmasterOf } from './cpu-time.ts';
import type { Options } from './options.ts';
import type { ScenarioName } from './scenario.ts';

/** One contestant, one scenario, one round. */
export interface Measurement {
  readonly ordersPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of its own process, and of Postgres, with what was done in the background afterwards. */
  readonly ownMicrosPerOrder: number;
  readonly postgresMicrosPerOrder: number;
  /** How long the background was behind when the last order was payed. */
  readonly behindMs: number;
  readonly failures: number;
}

export type WarmUp = Pick<Options, 'connections' | 'warmUpOrders' | 'warmUpSecondsMax'>;

/** By scenario and contestant, one measurement a round. */
export type Measurements = Record<ScenarioName, Map<ContestantName, Measurement[]>>;

/** All contestants take turns in every round, and each round begins with the next of them. */
export async function measureInRounds(
  contestants: readonly Contestant[],
  options: Options,
  log: (line: string) => void,
): Promise<Measurements> {
  const postgres = await watchPostgres(contestants);
  for (const contestant of contestants) {
    const orders = await warmUp(contestant, options);
    log(`warm-up: ${contestant.name}, ${orders} orders`);
  }
  const measurements: Measurements = { spread: new Map(), hot: new Map() };
  for (let round = 0; round < options.rounds; round++) {
    const from = round % contestants.length;
    for (const scenario of options.scenarios) {
      const taken = measurements[scenario];
      for (const contestant of [...contestants.slice(from), ...contestants.slice(0, from)]) {
        const measurement = await measure(contestant, scenario, options, postgres);
        taken.set(contestant.name, [...(taken.get(contestant.name) ?? []), measurement]);
      }
      log(`round ${round + 1} of ${options.rounds}, ${scenario}: ${latest(contestants, taken)}`);
    }
  }
  return measurements;
}

/** However slow a contestant is, its warm-up ends. */
export async function warmUp(contestant: Contestant, options: WarmUp): Promise<number> {
  const until = performance.now() + options.warmUpSecondsMax * 1_000;
  let orders = 0;
  while (orders < options.warmUpOrders && performance.now() < until) {
    orders += (await contestant.run('spread', timingOf(options, 1))).callsAll;
  }
  await contestant.settle();
  return orders;
}

/** The CPU time is taken while nothing is under way, so it belongs to exactly the orders of the run. */
async function measure(
  contestant: Contestant,
  scenario: ScenarioName,
  options: Options,
  postgresCpu: () => number,
): Promise<Measurement> {
  const before = { own: await contestant.cpu(), postgres: postgresCpu() };
  const sample = await contestant.run(scenario, timingOf(options, options.seconds));
  const endedAt = performance.now();
  await contestant.settle();
  const behindMs = performance.now() - endedAt;
  const own = (await contestant.cpu()) - before.own;
  const postgres = postgresCpu() - before.postgres;
  if (sample.calls === 0) throw new Error(`${contestant.name} made no order (${sample.failures} failed)`);
  return {
    ordersPerSecond: sample.calls / sample.seconds,
    p50Ms: sample.p50Ms,
    p99Ms: sample.p99Ms,
    ownMicrosPerOrder: own / sample.callsAll,
    postgresMicrosPerOrder: postgres / sample.callsAll,
    behindMs,
    failures: sample.failures,
  };
}

function timingOf({ connections }: Pick<Options, 'connections'>, seconds: number) {
  return { concurrency: connections, warmUpMs: 0, measureMs: seconds * 1_000 };
}

async function watchPostgres([first]: readonly Contestant[]): Promise<() => number> {
  const [row] = (await first?.database.query('SELECT pg_backend_pid() AS pid')) ?? [];
  // Now, since the connection that was asked may be gone later.
  const postmaster = postmasterOf(Number(row?.pid));
  return () => cpuOfPostgres(postmaster);
}

function latest(contestants: readonly Contestant[], taken: Map<ContestantName, Measurement[]>): string {
  return contestants
    .map(({ name }) => `${name} ${Math.round(taken.get(name)?.at(-1)?.ordersPerSecond ?? Number.NaN)}`)
    .join('  ');
}
