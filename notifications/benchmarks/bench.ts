/** How long a change of an order takes to its line in the journal, through real processes: loms, notifications, Postgres. */
import { openServerAlone } from 'local/testing';
import { writeResults } from '../../rpc-kit/benchmarks/results-folder.ts';
import { describeSetting, settingLine } from '../../rpc-kit/benchmarks/setting.ts';
import { buyAndPay } from './buyers.ts';
import { measureLags, quantiles, toMarkdown } from './lags.ts';
import { startMesh } from './mesh.ts';

const EVENTS_PER_SECOND = 200;
const WARM_UP_S = 5;
const { EVENTS = 'rpc', SECONDS = '30' } = process.env;
/** Below these the target is met, in milliseconds. */
const BARS = { rpc: 50, kafka: 100 };

const seconds = Number(SECONDS);
if (!Number.isInteger(seconds) || seconds < 1) {
  console.error(`SECONDS is "${SECONDS}", but has to be a whole number from 1.`);
  process.exit(2);
}
if (EVENTS !== 'rpc' && EVENTS !== 'kafka') {
  console.error(`EVENTS is "${EVENTS}", but has to be rpc or kafka.`);
  process.exit(2);
}
const way: keyof typeof BARS = EVENTS;
const setting = describeSetting();
console.log(settingLine(setting));
const alsoKafka = way === 'kafka' ? ', a Kafka' : '';
console.log(`Starting a Postgres of its own, durable as in the mesh${alsoKafka}, loms and notifications`);
await using server = await openServerAlone({ fsync: true, kafka: way === 'kafka' });
await using mesh = await startMesh(server.folder, server.broker);
console.log(`${EVENTS_PER_SECOND} events a second by ${way}: ${WARM_UP_S} s to warm up, then ${seconds} s`);
const bought = await buyAndPay(mesh.loms, { eventsPerSecond: EVENTS_PER_SECOND, seconds: WARM_UP_S + seconds });
await mesh.drained(bought.events);
// What is under way when the warm-up ends belongs to neither part.
const lags = await measureLags(mesh.journal, new Date(bought.beganAt.getTime() + WARM_UP_S * 1_000), bought.answeredAt);
const [fromChange, fromAnswer] = [quantiles(lags.fromChange), quantiles(lags.fromAnswer)];
const measured = { way, barMs: BARS[way], fromChange, fromAnswer };
const results = { setting, quick: seconds < 30, seconds, eventsPerSecond: EVENTS_PER_SECOND, ...measured };
const markdown = toMarkdown(results);
const written = await writeResults(new URL(`./${way}/`, import.meta.url), results, markdown);
console.log(`\n${markdown}\nWritten to notifications/${written.replaceAll('benchmarks/', `benchmarks/${way}/`)}.`);
if (fromAnswer.p99 >= measured.barMs) process.exitCode = 1;
