import { describeFailure, runScript } from './failure.ts';
import { createTestFolder, removeTestFolder, sweepTestFolders, TEST_FOLDER_VARIABLE } from './test-folder.ts';
import type { TestCounts } from './test-reporter.ts';
import { startTestServer } from './test-server.ts';
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
 * `npm test`: unit, integration and end-to-end tests, each by a mocha of its own. Files among the arguments choose what
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

async function run(): Promise<TestCounts> {
  const plan = planStages(files);
  await sweepTestFolders();
  const folder = createTestFolder();
  // The server starts while the unit tests run, which need none.
  const starting = plan.integration.length > 0 ? startTestServer(folder) : undefined;
  starting?.catch(() => {});
  let total = NO_TESTS;
  try {
    for (const stage of STAGES) {
      if (interrupted || plan[stage].length === 0) continue;
      const environment = { [TEST_FOLDER_VARIABLE]: folder };
      total = addCounts(total, await runStage(stage, plan[stage], environment, starting));
    }
  } finally {
    await (await starting?.catch(() => undefined))?.stop();
    await removeTestFolder(folder);
  }
  return interrupted ? addCounts(total, oneFailure('The tests were interrupted.')) : total;
}

async function runStage(
  stage: Stage,
  paths: string[],
  environment: NodeJS.ProcessEnv,
  starting?: ReturnType<typeof startTestServer>,
): Promise<TestCounts> {
  try {
    const server = stage === 'integration' ? await starting : undefined;
    const note = server === undefined ? '' : `, on a Postgres that is reached ${server.reached}`;
    console.log(`\n${stage} tests${note}`);
    if (interrupted) return NO_TESTS;
    running = startStage(stage, paths, mochaOptions, { ...environment, ...server?.environment });
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
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failed > 0 ? 1 : 0;
});
