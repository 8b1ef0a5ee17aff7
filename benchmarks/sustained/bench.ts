import { readFile } from 'node:fs/promises';
import { type CpuProfile, formatMicros, fromCpuProfile, requestProfile, summarize } from 'tools/profile';
import { type Bar, describeSetting, publish, settingLine } from '../harness/report.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { measureIdle } from './idle.ts';
import { measureWay, type Plan, type WayFigures } from './measure.ts';
import type { SustainedMesh, Way } from './mesh.ts';
import { barsOf, idleBar, toIdleMarkdown, toMarkdown } from './report.ts';

interface Options {
  readonly ways: readonly Way[];
  readonly quick: boolean;
  readonly idle: boolean;
  readonly profile: boolean;
  readonly clients: number;
  readonly seconds: number;
}

const FULL = { warmUpSeconds: 15, closedSeconds: 20, seconds: 120, withoutSeconds: 20, idleSeconds: 60 };
const QUICK = { warmUpSeconds: 4, closedSeconds: 5, seconds: 12, withoutSeconds: 4, idleSeconds: 15 };
/** More than loms has connections to Postgres (DATABASE_POOL_MAX, 10), as from a few replicas of checkout. */
const CLIENTS = 32;
const CLIENTS_MAX = 500;
const SECONDS_MAX = 600;
/** Long enough for a thousand samples of each busy function, and shorter than a quick run. */
const PROFILE_SECONDS = 5;
const PROFILED = ['loms', 'notifications'] as const;
const LINES_MAX = 30;

await runBenchmark({
  name: 'sustained',
  usage: `  --events <way>      rpc (default), kafka (needs Java 17 and Maven), or both
  --seconds <n>       of the open loop; ${FULL.seconds} by default
  --clients <n>       orders in flight in the closed loop; ${CLIENTS} by default
  --quick             rough figures in less than a minute for each way
  --profile           also CPU profiles of loms and notifications under load; they cost some time themselves
  --idle              the CPU time of a mesh that nobody calls, instead`,
  flags: ['quick', 'idle', 'profile'],
  texts: ['events', 'seconds', 'clients'],
  toOptions({ quick, idle, profile, events = 'rpc', seconds, clients }): Options {
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
    };
  },
  run: (options) => (options.idle ? runIdle(options) : run(options)),
});

async function run({ ways, quick, profile, clients, seconds }: Options): Promise<void> {
  const setting = describeSetting();
  console.log(settingLine(setting));
  const lengths = { ...(quick ? QUICK : FULL), clients, seconds };
  const figures: WayFigures[] = [];
  for (const way of ways) {
    const profiles: string[] = [];
    const onLoad = async (mesh: SustainedMesh): Promise<void> => {
      if (profile) profiles.push(...(await profileServices(mesh)));
    };
    figures.push(await measureWay(way, { ...lengths, log: console.log, onLoad } satisfies Plan));
    for (const line of profiles) console.log(line);
  }
  const results = { setting, quick, clients, seconds, ways: figures };
  await publish('sustained', results, toMarkdown(results));
  if (!quick) judge(figures.flatMap(barsOf));
}

async function runIdle({ quick }: Options): Promise<void> {
  const setting = describeSetting();
  console.log(settingLine(setting));
  const idle = await measureIdle((quick ? QUICK : FULL).idleSeconds, console.log);
  const results = { setting, quick, idle };
  await publish('sustained/idle', results, toIdleMarkdown(results));
  if (!quick) judge([idleBar(idle)]);
}

/** By the sockets of `make profile`, so the services run as always. */
async function profileServices({ mesh }: SustainedMesh): Promise<string[]> {
  const profiles = await Promise.all(
    PROFILED.map(async (name) => {
      const process = { directory: mesh.paths.profiles, name, pid: mesh.pids[name] };
      const file = await requestProfile(process, 'cpu', String(PROFILE_SECONDS));
      const { tree } = fromCpuProfile(JSON.parse(await readFile(file, 'utf8')) as CpuProfile);
      return [`\n## ${name}, ${PROFILE_SECONDS} s`, ...summarize(tree, { format: formatMicros, linesMax: LINES_MAX })];
    }),
  );
  return profiles.flat();
}

/** The figures of a quick run are too rough to be judged. */
function judge(bars: readonly Bar[]): void {
  if (bars.some(({ met }) => !met)) process.exitCode = 1;
}
