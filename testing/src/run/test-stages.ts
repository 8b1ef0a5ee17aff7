import { type ChildProcess, spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, PROJECT_DIRECTORY } from 'mesh';
import { awaitEnd } from 'mesh/supervisor';
import type { TestCounts } from './test-reporter.ts';

export const STAGES = ['unit', 'integration', 'kafka', 'package', 'end-to-end', 'prometheus'] as const;
export type Stage = (typeof STAGES)[number];

type StageOptions = { pattern: string; testTimeoutMs: number; stageTimeoutMs: number };
/** Limits against hanging, not against slowness: a busy machine may take several times as long as a quiet one. */
const STAGE_OPTIONS: Record<Stage, StageOptions> = {
  unit: { pattern: '*/src/**/*.test.ts', testTimeoutMs: 20_000, stageTimeoutMs: 300_000 },
  integration: { pattern: '*/test/**/*.test.ts', testTimeoutMs: 120_000, stageTimeoutMs: 1_500_000 },
  // Some of these kill brokers and services, and wait until their leases and sessions expire.
  kafka: { pattern: '*/test/kafka/**/*.test.ts', testTimeoutMs: 600_000, stageTimeoutMs: 2_400_000 },
  // Installs packages and versions of Node from npm, and runs suites with them.
  package: { pattern: 'rpc-kit/test/package/**/*.test.ts', testTimeoutMs: 420_000, stageTimeoutMs: 900_000 },
  // Each of these starts and stops a whole mesh, also on a slow machine.
  'end-to-end': { pattern: 'testing/test/{e2e,edge}/**/*.test.ts', testTimeoutMs: 300_000, stageTimeoutMs: 1_200_000 },
  // A Prometheus has to scrape for a while before there are rates.
  prometheus: { pattern: 'observability/test/**/*.test.ts', testTimeoutMs: 120_000, stageTimeoutMs: 600_000 },
};
/** mocha ends when nothing is open; a resource that a test forgot to close keeps it alive, which is reported. */
const LINGER_TIMEOUT_MS = 10_000;

/** `TEST_STAGES`: stages, separated by commas; all of them where it is unset. */
export function parseStages(text = ''): readonly Stage[] {
  const names = text.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !STAGES.includes(name as Stage));
  if (unknown !== undefined) throw new Failure(`TEST_STAGES contains ${unknown}: use some of ${STAGES.join(', ')}.`);
  return names.length === 0 ? STAGES : (names as Stage[]);
}

/** The tests of each stage: all of them, or those among the given files. */
export function planStages(files: string[]): Record<Stage, string[]> {
  const all = (stage: Stage) => globSync(STAGE_OPTIONS[stage].pattern, { cwd: PROJECT_DIRECTORY }).sort();
  const wanted = files.map((file) => relative(PROJECT_DIRECTORY, resolve(file)));
  const known = new Set(STAGES.flatMap(all));
  const unknown = wanted.find((path) => !known.has(path));
  if (unknown !== undefined) throw new Failure(`There is no test file ${unknown}.`);
  const pick = (paths: string[]) => (wanted.length === 0 ? paths : paths.filter((path) => wanted.includes(path)));
  const elsewhere = (['kafka', 'package', 'end-to-end', 'prometheus'] as const).flatMap(all);
  return {
    unit: pick(all('unit')),
    integration: pick(all('integration').filter((path) => !elsewhere.includes(path))),
    kafka: pick(all('kafka')),
    package: pick(all('package')),
    'end-to-end': pick(all('end-to-end')),
    prometheus: pick(all('prometheus')),
  };
}

export type RunningStage = { counts: Promise<TestCounts>; stop(signal: NodeJS.Signals): void };

/** Runs mocha on the files in a process of its own, so that the last line is printed even if a test kills it. */
export function startStage(
  stage: Stage,
  files: string[],
  options: string[],
  environment: NodeJS.ProcessEnv,
): RunningStage {
  const { testTimeoutMs } = STAGE_OPTIONS[stage];
  const mocha = spawn(
    process.execPath,
    [
      join(PROJECT_DIRECTORY, 'node_modules/mocha/bin/mocha.js'),
      ...['--no-config', '--forbid-only', '--timeout', String(testTimeoutMs)],
      ...['--reporter', join(import.meta.dirname, 'test-reporter.ts')],
      ...options,
      ...files,
    ],
    {
      cwd: PROJECT_DIRECTORY,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    },
  );
  return { counts: countTests(mocha, stage), stop: (signal) => mocha.kill(signal) };
}

async function countTests(mocha: ChildProcess, stage: Stage): Promise<TestCounts> {
  let counts: TestCounts | undefined;
  const ended = awaitEnd(mocha);
  const reported = new Promise<void>((resolve) => {
    mocha.once('message', (message: TestCounts) => {
      counts = message;
      resolve();
    });
  });
  const limit = STAGE_OPTIONS[stage].stageTimeoutMs;
  const overdue = await Promise.race([ended, reported, sleep(limit, 'overdue' as const, { ref: false })]);
  const overdueMessage = `The ${stage} tests were ended: they took longer than ${limit / 1000} s.`;
  if (overdue === 'overdue') mocha.kill('SIGKILL');
  const end = await Promise.race([ended, sleep(LINGER_TIMEOUT_MS, undefined, { ref: false })]);
  if (end === undefined) {
    mocha.kill('SIGKILL');
    const message = `A ${stage} test left something open (a timer, a socket, a pool), so that mocha did not end.`;
    return addCounts(counts ?? NO_TESTS, oneFailure(message));
  }
  if (counts !== undefined) return counts;
  return oneFailure(overdue === 'overdue' ? overdueMessage : `The ${stage} tests did not run to their end (${end}).`);
}

export const NO_TESTS: TestCounts = { passed: 0, failed: 0, skipped: 0, failures: [] };

/** A set-up that crashes is counted like a test that fails. */
export function oneFailure(title: string): TestCounts {
  return { ...NO_TESTS, failed: 1, failures: [{ title, message: '' }] };
}

export function addCounts(a: TestCounts, b: TestCounts): TestCounts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    failures: [...a.failures, ...b.failures],
  };
}
