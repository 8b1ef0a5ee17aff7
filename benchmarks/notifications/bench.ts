import { openServerAlone } from 'testing';
import { describeSetting, publish, settingLine } from '../harness/report.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { buyAndPay } from './buyers.ts';
import { measureLags, quantiles, toMarkdown } from './lags.ts';
import { startMesh } from './mesh.ts';

/** The p99 of the lag has to stay below this, by transport of the events. */
const BARS_MS = { rpc: 50, kafka: 100 } as const;
const EVENTS_PER_SECOND = 200;
const WARM_UP_S = 5;
const SECONDS = 30;
const SECONDS_MAX = 3_600;

interface Options {
  readonly way: keyof typeof BARS_MS;
  /** Of the measured part, after the warm-up. */
  readonly seconds: number;
}

await runBenchmark({
  name: 'notifications',
  usage: `  --events <way>      rpc (default), or kafka: through its own Kafka, which needs Java 17 and Maven
  --seconds <n>       how long to measure; ${SECONDS} by default`,
  flags: [],
  texts: ['events', 'seconds'],
  toOptions({ events = 'rpc', seconds }): Options {
    if (events !== 'rpc' && events !== 'kafka') {
      throw new TypeError(`--events is "${events}", but has to be rpc or kafka.`);
    }
    return { way: events, seconds: toCount('seconds', seconds, SECONDS, SECONDS_MAX) };
  },
  run: measure,
});

/** The time from the change of an order to its journal entry, with real processes: loms, notifications, Postgres. */
async function measure({ way, seconds }: Options): Promise<void> {
  const setting = describeSetting();
  const withKafka = way === 'kafka' ? ', a Kafka' : '';
  console.log(settingLine(setting));
  console.log(`Starting a Postgres of its own, durable as in the mesh${withKafka}, loms and notifications`);
  await using server = await openServerAlone({ fsync: true, kafka: way === 'kafka' });
  await using mesh = await startMesh(server.folder, server.broker);
  console.log(`${EVENTS_PER_SECOND} events a second by ${way}: ${WARM_UP_S} s of warm-up, then ${seconds} s`);
  const bought = await buyAndPay(mesh.loms, { eventsPerSecond: EVENTS_PER_SECOND, seconds: WARM_UP_S + seconds });
  await mesh.drain(bought.events);
  const measuredFrom = new Date(bought.startedAt.getTime() + WARM_UP_S * 1_000);
  const lags = await measureLags(mesh.journal, measuredFrom, bought.answeredAt);
  const results = {
    setting,
    // A shorter run has too few events for a p99.
    quick: seconds < SECONDS,
    way,
    seconds,
    eventsPerSecond: EVENTS_PER_SECOND,
    barMs: BARS_MS[way],
    fromChange: quantiles(lags.fromChange),
    fromAnswer: quantiles(lags.fromAnswer),
  };
  await publish(`notifications/${way}`, results, toMarkdown(results));
  if (results.fromAnswer.p99 >= results.barMs) process.exitCode = 1;
}
