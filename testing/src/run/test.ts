import { describeFailure, runScript } from 'mesh';
import { missingForBrowserTests, TESTS_WITH_BROWSER } from '../test-browser.ts';
import { createTestFolder, removeTestFolder, sweepTestFolders, TEST_FOLDER_VARIABLE } from '../test-folder.ts';
import { missingGoProgram, TESTS_OF_GO_PROGRAMS } from '../test-go-programs.ts';
import { missingForKafkaTests, startTestKafka, type TestKafka } from '../test-kafka.ts';
import { missingForPrometheusTests } from '../test-prometheus.ts';
import { missingForPackageTests } from '../test-registry.ts';
import { findTestPgbouncer, type RunningTestServer, startTestServer } from '../test-server.ts';
import type { TestCounts } from './test-reporter.ts';
import {
  addCounts,
  NO_TESTS,
  oneFailure,
  parseStages,
  planStages,
  type RunningStage,
  STAGES,
  type Stage,
  startStage,
} from './test-stages.ts';

/**
 * `npm test`: unit tests, integration tests, tests on Kafka, tests of the package that is published, end-to-end tests and tests with
 * Prometheus, each stage by its own mocha. Files among the arguments select tests; all other arguments are mocha's. The last line is `N passed, N failed`.
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

/** Tests that did not run although they should, and why; printed at the end. */
const missing: string[] = [];
/** Tests that did not run because they are optional: services work without pgbouncer. */
const leftOut: string[] = [];

/** Removes the stages from the plan whose programs are not installed. */
async function leaveOutMissing(plan: Record<Stage, string[]>): Promise<void> {
  const check = async (stage: Stage, title: string, find: () => Promise<string | undefined>): Promise<void> => {
    const why = plan[stage].length > 0 ? await find() : undefined;
    if (why === undefined) return;
    missing.push(`${title} did NOT run. ${why}`);
    plan[stage] = [];
  };
  await check('kafka', 'The tests on Kafka', missingForKafkaTests);
  await check('package', 'The tests of the package of rpc-kit', missingForPackageTests);
  await check('prometheus', 'The tests of dashboards and alerts', missingForPrometheusTests);
  await leaveOutGoPrograms(plan);
  leaveOutBrowser(plan);
  if (findTestPgbouncer() === undefined) leaveOutPgbouncer(plan);
}

async function leaveOutGoPrograms(plan: Record<Stage, string[]>): Promise<void> {
  for (const { program, folder, title } of TESTS_OF_GO_PROGRAMS) {
    const others = plan.integration.filter((path) => !path.startsWith(folder));
    const why = others.length < plan.integration.length ? await missingGoProgram(program) : undefined;
    if (why === undefined) continue;
    missing.push(`${title} did NOT run. ${why}`);
    plan.integration = others;
  }
}

function leaveOutBrowser(plan: Record<Stage, string[]>): void {
  const others = plan.integration.filter((path) => !path.startsWith(TESTS_WITH_BROWSER));
  const why = others.length < plan.integration.length ? missingForBrowserTests() : undefined;
  if (why === undefined) return;
  missing.push(`The test of a page in a browser did NOT run. ${why}`);
  plan.integration = others;
}

function leaveOutPgbouncer(plan: Record<Stage, string[]>): void {
  const others = plan.integration.filter((path) => !path.startsWith('testing/test/pgbouncer/'));
  if (others.length === plan.integration.length) return;
  leftOut.push('The tests of faults of pgbouncer did NOT run: none is installed, or TEST_PGBOUNCER is off.');
  plan.integration = others;
}

async function run(): Promise<TestCounts> {
  const wanted = parseStages(process.env.TEST_STAGES);
  const plan = planStages(files);
  for (const stage of STAGES) if (!wanted.includes(stage)) plan[stage] = [];
  await leaveOutMissing(plan);
  await sweepTestFolders();
  const folder = createTestFolder();
  // The servers start during the unit tests, which need none.
  const servers = startServers(plan, folder);
  // In CI a test that did not run counts as failed.
  let total = process.env.CI ? missing.map(oneFailure).reduce(addCounts, NO_TESTS) : NO_TESTS;
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
    const server = postgres === undefined ? '' : `, on ${postgres.description}`;
    console.log(`\n${stage} tests${server}`);
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
  // Repeated here, since a test may have failed far above the end of a long run.
  for (const { title, message } of failures) console.error(`\nFailed: ${title}\n${message}`.trimEnd());
  for (const sentence of process.env.CI ? leftOut : [...leftOut, ...missing]) console.log(`\n${sentence}`);
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failed > 0 ? 1 : 0;
});
