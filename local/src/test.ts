import { describeFailure, runScript } from './failure.ts';
import { createTestFolder, removeTestFolder, sweepTestFolders, TEST_FOLDER_VARIABLE } from './test-folder.ts';
import { missingForKafkaTests, startTestKafka, type TestKafka } from './test-kafka.ts';
import type { TestCounts } from './test-reporter.ts';
import { type RunningTestServer, startTestServer } from './test-server.ts';
import {
  addCounts,
  NO_TESTS,
  oneFailure,
  planStages,
  type RunningStage,
  STAGES,
  type Stage,
  startStage,
} from './test-stages.ts';

/**
 * `npm test`: unit tests, integration tests, those on Kafka and end-to-end tests, each by a mocha of its own. Files among the arguments choose what
 * runs; all other arguments are mocha's. The last line of the output is `N passed, N failed`.
 */
const files = process.argv.slice(2).filter((argument) => argument.endsWith('.test.ts'));
const mochaOptions = process.argv.slice(2).filter((argument) => !files.includes(argument));

let interrupted = false;
let running: RunningStage | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = true;
    running?.stop('SIGTERM');
  });
}

/** Said at the end, for it is not to be overlooked. */
let missing: string | undefined;

async function run(): Promise<TestCounts> {
  const plan = planStages(files);
  if (plan.kafka.length > 0) missing = await missingForKafkaTests();
  // Where others rely on the result, what did not run has not passed.
  if (missing !== undefined && process.env.CI) return oneFailure(`The tests on Kafka cannot run. ${missing}`);
  if (missing !== undefined) plan.kafka = [];
  await sweepTestFolders();
  const folder = createTestFolder();
  // The servers start while the unit tests run, which need none.
  const servers = startServers(plan, folder);
  let total = NO_TESTS;
  try {
    for (const stage of STAGES) {
      if (interrupted || plan[stage].length === 0) continue;
      total = addCounts(total, await runStage(stage, plan[stage], folder, servers));
    }
  } finally {
    await (await servers.kafka?.catch(() => undefined))?.stop();
    await (await servers.postgres?.catch(() => undefined))?.stop();
    await removeTestFolder(folder);
  }
  return interrupted ? addCounts(total, oneFailure('The tests were interrupted.')) : total;
}

type Servers = { postgres?: Promise<RunningTestServer>; kafka?: Promise<TestKafka> };

function startServers(plan: Record<Stage, string[]>, folder: string): Servers {
  const servers: Servers = {};
  if (plan.integration.length + plan.kafka.length > 0) servers.postgres = startTestServer(folder);
  if (plan.kafka.length > 0) servers.kafka = startTestKafka(folder);
  for (const server of Object.values(servers)) server.catch(() => {});
  return servers;
}

async function runStage(stage: Stage, paths: string[], folder: string, servers: Servers): Promise<TestCounts> {
  try {
    const needsPostgres = stage === 'integration' || stage === 'kafka';
    const postgres = needsPostgres ? await servers.postgres : undefined;
    const kafka = stage === 'kafka' ? await servers.kafka : undefined;
    const note = postgres === undefined ? '' : `, on a Postgres that is reached ${postgres.reached}`;
    console.log(`\n${stage} tests${note}`);
    if (interrupted) return NO_TESTS;
    const environment = { [TEST_FOLDER_VARIABLE]: folder, ...postgres?.environment, ...kafka?.environment };
    running = startStage(stage, paths, mochaOptions, environment);
    return await running.counts;
  } catch (error) {
    return oneFailure(`The ${stage} tests did not start: ${describeFailure(error)}`);
  } finally {
    running = undefined;
  }
}

await runScript(async () => {
  const { passed, failed, skipped, failures } = await run().catch((error) => oneFailure(describeFailure(error)));
  // Said again here, since the place where a test failed is far above the end of a long run.
  for (const { title, message } of failures) console.error(`\nFailed: ${title}\n${message}`.trimEnd());
  if (missing !== undefined && !process.env.CI) console.log(`\nThe tests on Kafka did NOT run. ${missing}`);
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failed > 0 ? 1 : 0;
});
