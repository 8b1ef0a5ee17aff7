import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Bar, describeSetting, publish, settingLine } from '../harness/report.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { type IdleFigures, measureIdle } from './idle.ts';
import { measureWay, type WayFigures } from './measure.ts';
import type { Way } from './mesh.ts';
import { keepProfile } from './profiles.ts';
import { barsOf, idleBar, toIdleMarkdown, toMarkdown } from './report.ts';

interface Options {
  readonly ways: readonly Way[];
  readonly quick: boolean;
  readonly idle: boolean;
  readonly profile: boolean;
  readonly clients: number;
  readonly seconds: number;
  readonly rate: number | undefined;
  readonly checkout: string | undefined;
}

const FULL = {
  warmUpSeconds: 15,
  closedSeconds: 20,
  seconds: 120,
  aloneSeconds: 20,
  idleSeconds: 60,
  profileSeconds: 10,
};
const QUICK = {
  warmUpSeconds: 4,
  closedSeconds: 5,
  seconds: 12,
  aloneSeconds: 4,
  idleSeconds: 15,
  profileSeconds: 3,
};
/** More than loms has connections to Postgres (DATABASE_POOL_MAX, 10), as from a few replicas of checkout. */
const CLIENTS = 32;
const CLIENTS_MAX = 500;
const SECONDS_MAX = 600;
const RATE_MAX = 10_000;

await runBenchmark({
  name: 'sustained',
  usage: `  --events <way>      rpc (default), kafka (needs Java 17 and Maven), or both
  --seconds <n>       of the open loop; ${FULL.seconds} by default
  --clients <n>       orders in flight in the closed loop; ${CLIENTS} by default
  --quick             rough figures in less than a minute for each way
  --rate <n>          orders a second of the open loops, instead of 0.9 of what the closed loop makes
  --profile           also profiles of loms and notifications under this load: CPU time and allocations, with flame graphs
  --idle              the CPU time of a mesh that nobody calls, instead
  --checkout <folder> the mesh of another checkout of the project, for example of an earlier commit`,
  flags: ['quick', 'idle', 'profile'],
  texts: ['events', 'seconds', 'clients', 'rate', 'checkout'],
  toOptions({ quick, idle, profile, events = 'rpc', seconds, clients, rate, checkout }): Options {
    if (events !== 'rpc' && events !== 'kafka' && events !== 'both') {
      throw new TypeError(`--events is "${events}", but has to be rpc, kafka or both.`);
    }
    return {
      ways: events === 'both' ? ['rpc', 'kafka'] : [events],
      quick,
      idle,
      profile,
      clients: toCount('clients', clients, CLIENTS, CLIENTS_MAX),
      seconds: toCount('seconds', seconds, (quick ? QUICK : FULL).seconds, SECONDS_MAX),
      rate: rate === undefined ? undefined : toCount('rate', rate, 0, RATE_MAX),
      checkout: checkout === undefined ? undefined : toCheckout(checkout),
    };
  },
  run: (options) => (options.idle ? runIdle(options) : run(options)),
});

async function run({ ways, quick, profile, ...given }: Options): Promise<void> {
  const setting = describeSetting();
  console.log(settingLine(setting));
  const lengths = quick ? QUICK : FULL;
  const plan = { ...lengths, ...given, profileSeconds: profile ? lengths.profileSeconds : undefined, log: console.log };
  const commit = describeCommit(given.checkout);
  const figures: WayFigures[] = [];
  for (const way of ways) {
    figures.push(
      await measureWay(way, plan, (each, perSecond) =>
        keepProfile(each, `${perSecond.toFixed(0)} orders a second, commit ${commit}`),
      ),
    );
  }
  const { clients, seconds } = given;
  const results = { setting, quick, commit, clients, seconds, ways: figures };
  await publish('sustained', results, toMarkdown(results));
  if (!quick) judge(figures.flatMap(barsOf));
}

function toCheckout(text: string): string {
  const folder = resolve(text);
  if (existsSync(join(folder, 'mesh/src/run/run-all.ts'))) return folder;
  throw new TypeError(`--checkout is "${text}", but has to be the folder of a checkout of this project.`);
}

function describeCommit(checkout: string | undefined): string {
  const options = { cwd: checkout ?? import.meta.dirname, encoding: 'utf8' } as const;
  return execFileSync('git', ['describe', '--always', '--dirty'], options).trim();
}

async function runIdle({ ways, quick, checkout }: Options): Promise<void> {
  const setting = describeSetting();
  console.log(settingLine(setting));
  const { idleSeconds } = quick ? QUICK : FULL;
  const figures: IdleFigures[] = [];
  for (const way of ways) figures.push(await measureIdle(way, idleSeconds, checkout, console.log));
  const results = { setting, quick, commit: describeCommit(checkout), ways: figures };
  await publish('sustained/idle', results, toIdleMarkdown(results));
  if (!quick) judge(figures.map(idleBar));
}

/** The figures of a quick run are too rough to be judged. */
function judge(bars: readonly Bar[]): void {
  if (bars.some(({ met }) => !met)) process.exitCode = 1;
}
