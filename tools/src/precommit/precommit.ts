import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_DIRECTORY, runScript } from 'mesh';
import { seconds } from 'mesh/run';
import { BUF, PROTO_FOLDER, RELEASE } from '../proto/release.ts';
import { COVERING_TESTS, coverageArguments, libraryCoverageArguments, strictCoverageArguments } from './coverage.ts';
import { runTool, type ToolResult } from './run-tool.ts';

/** `make precommit`: all checks that need no database, in less than a minute. */
type Check = { title: string; run(): Promise<ToolResult> };

const module = (path: string) => join(PROJECT_DIRECTORY, 'node_modules', path);
const coverageFolder = mkdtempSync(join(tmpdir(), 'order-mesh-coverage-'));

const format: Check = {
  title: 'format, lint and import rule',
  run: () => runTool([module('@biomejs/biome/bin/biome'), 'check', '.']),
};
const types: Check = {
  title: 'types',
  run: () => runTool([module('typescript/bin/tsc'), '-p', '.']),
};
const generated: Check = {
  title: 'generated files in step with the code',
  run: () => runTool(['tools/src/generate/generate.ts', '--check']),
};
const callers: Check = {
  title: 'contracts that break no caller of the release',
  async run() {
    const lint = await runTool([BUF, 'lint', PROTO_FOLDER]);
    const breaking = await runTool([BUF, 'breaking', PROTO_FOLDER, '--against', RELEASE.image]);
    const json = await runTool(['tools/src/proto/check-callers.ts']);
    const results = [lint, breaking, json];
    return { passed: results.every(({ passed }) => passed), output: results.map(({ output }) => output).join('') };
  },
};
const publicInterface: Check = {
  title: 'reports and reference of rpc-kit',
  run: () => runTool(['tools/src/api/api.ts', '--check']),
};
const unitTests: Check = {
  title: 'unit tests, rpc-kit over HTTP, coverage',
  async run() {
    const c8 = module('c8/bin/c8.js');
    // Coverage and the parallel checks slow the tests down.
    const mocha = [module('mocha/bin/mocha.js'), ...COVERING_TESTS, '--timeout', '30000'];
    const tested = await runTool([c8, ...coverageArguments(coverageFolder), process.execPath, ...mocha]);
    if (!tested.passed) return tested;
    const library = await runTool([c8, 'report', ...libraryCoverageArguments(coverageFolder)]);
    if (!library.passed) return library;
    return runTool([c8, 'check-coverage', ...strictCoverageArguments(coverageFolder)]);
  },
};

/** Two lanes for two cores: the tests, which take longest, and the other checks one after the other. */
const lanes: Check[][] = [[unitTests], [format, types, generated, callers, publicInterface]];

async function runLane(lane: Check[]): Promise<Check[]> {
  const failed: Check[] = [];
  for (const check of lane) {
    const began = performance.now();
    const { passed, output } = await check.run();
    console.log(`${passed ? '✓' : '✗'} ${check.title.padEnd(46)} ${seconds(began)}`);
    if (passed) continue;
    failed.push(check);
    console.log(`\n${output.trim()}\n`);
  }
  return failed;
}

await runScript(async () => {
  const began = performance.now();
  try {
    const failed = (await Promise.all(lanes.map(runLane))).flat();
    const titles = failed.map(({ title }) => title).join('; ');
    console.log(failed.length === 0 ? `All checks passed in ${seconds(began)}.` : `Failed: ${titles}.`);
    return failed.length === 0 ? 0 : 1;
  } finally {
    rmSync(coverageFolder, { recursive: true, force: true });
  }
});
