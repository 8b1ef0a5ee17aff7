import { openServerAlone } from 'testing';
import { writeResults } from '../harness/results-folder.ts';
import { runBenchmark } from '../harness/run-benchmark.ts';
import { describeSetting, settingLine } from '../harness/setting.ts';
import { buyAndPay } from './buyers.ts';
import { measureLags, quantiles, toMarkdown } from './lags.ts';
import { startMesh } from './mesh.ts';
import { BARS_MS, type Options, parseOptions, USAGE } from './options.ts';

const EVENTS_PER_SECOND = 200;
const WARM_UP_S = 5;
/** A shorter run has too few events for a p99. */
const SECONDS_OF_A_FULL_RUN = 30;

await runBenchmark(USAGE, parseOptions, measure);

/** How long a change of an order takes to its line in the journal, through real processes: loms, notifications, Postgres. */
async function measure({ way, seconds }: Options): Promise<void> {
  const setting = describeSetting();
  console.log(settingLine(setting));
  const andKafka = way === 'kafka' ? ', a Kafka' : '';
  console.log(`Starting a Postgres of its own, durable as in the mesh${andKafka}, loms and notifications`);
  await using server = await openServerAlone({ fsync: true, kafka: way === 'kafka' });
  await using mesh = await startMesh(server.folder, server.broker);
  console.log(`${EVENTS_PER_SECOND} events a second by ${way}: ${WARM_UP_S} s to warm up, then ${seconds} s`);
  const bought = await buyAndPay(mesh.loms, { eventsPerSecond: EVENTS_PER_SECOND, seconds: WARM_UP_S + seconds });
  await mesh.drained(bought.events);
  // What is in flight when the warm-up ends belongs to neither part.
  const measuredFrom = new Date(bought.beganAt.getTime() + WARM_UP_S * 1_000);
  const lags = await measureLags(mesh.journal, measuredFrom, bought.answeredAt);
  const [fromChange, fromAnswer] = [quantiles(lags.fromChange), quantiles(lags.fromAnswer)];
  const measured = { way, barMs: BARS_MS[way], fromChange, fromAnswer };
  const quick = seconds < SECONDS_OF_A_FULL_RUN;
  const results = { setting, quick, seconds, eventsPerSecond: EVENTS_PER_SECOND, ...measured };
  const markdown = toMarkdown(results);
  const written = await writeResults(new URL(`./${way}/`, import.meta.url), results, markdown);
  console.log(`\n${markdown}\nWritten to ${written}.`);
  if (fromAnswer.p99 >= measured.barMs) process.exitCode = 1;
}
