import Mocha from 'mocha';

export type TestCounts = { passed: number; failed: number; skipped: number };

/** mocha's spec reporter, which also tells `test.ts` the numbers for its last line. */
export default class TestReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    endWithStarter();
    runner.once('end', () => {
      const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? {};
      const counts: TestCounts = { passed: passes, failed: failures, skipped: pending };
      process.send?.(counts);
    });
  }
}

/** Killed with -9, `test.ts` cannot end this process any more, and its database is about to go. */
function endWithStarter(): void {
  process.once('disconnect', () => process.exit(1));
  // Listening must not keep a mocha alive that has nothing left to do.
  process.channel?.unref();
}
