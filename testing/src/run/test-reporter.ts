import Mocha from 'mocha';

export type TestCounts = { passed: number; failed: number; skipped: number; failures: FailedTest[] };
/** What the summary says of a failed test: the titles from the outermost `describe` down, and what went wrong. */
export type FailedTest = { title: string; message: string };

/** The stack is printed where the test failed; the summary must stay short enough to be read at a glance. */
const MESSAGE_LINES_MAX = 6;
/** The counterexamples of property tests can be thousands of characters. */
const LINE_LENGTH_MAX = 200;

/** mocha's spec reporter, which also tells `test.ts` the numbers for its last line. */
export default class TestReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    endWithStarter();
    const failed: FailedTest[] = [];
    runner.on('fail', (test, error) => failed.push({ title: test.fullTitle(), message: describeError(error) }));
    runner.once('end', () => {
      const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? {};
      const counts: TestCounts = { passed: passes, failed: failures, skipped: pending, failures: failed };
      process.send?.(counts);
    });
  }
}

function describeError(error: unknown): string {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const lines = message.split('\n').slice(0, MESSAGE_LINES_MAX);
  return lines.map((line) => (line.length > LINE_LENGTH_MAX ? `${line.slice(0, LINE_LENGTH_MAX)}…` : line)).join('\n');
}

/** Killed with -9, `test.ts` cannot end this process any more, and its database is about to go. */
function endWithStarter(): void {
  process.once('disconnect', () => process.exit(1));
  // Listening must not keep a mocha alive that has nothing left to do.
  process.channel?.unref();
}
