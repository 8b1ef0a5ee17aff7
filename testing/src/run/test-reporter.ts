import Mocha from 'mocha';

export type TestCounts = { passed: number; failed: number; skipped: number; failures: FailedTest[] };
/** A failed test in the summary: the titles from the outermost `describe` down, and the error. */
type FailedTest = { title: string; message: string };

/** The stack is printed where the test failed; the summary stays short. */
const MESSAGE_LINES_MAX = 6;
/** The counterexamples of property tests can be thousands of characters. */
const LINE_LENGTH_MAX = 200;

/** mocha's spec reporter, which also sends `test.ts` the counts for its last line. */
export default class TestReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    endWithParent();
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

/** A killed `test.ts` cannot end this process, and its database is about to stop. */
function endWithParent(): void {
  process.once('disconnect', () => process.exit(1));
  // The listener must not keep an idle mocha alive.
  process.channel?.unref();
}
