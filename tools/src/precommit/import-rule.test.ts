import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';

/** Imports that the rule in biome.json refuses. */
const refused: [importer: string, imported: string[]][] = [
  ['loms/src/domain/a.ts', ['zod', 'pg', 'squel', 'rpc-kit', 'service-kit', 'node:fs', '../../contract.ts']],
  ['loms/src/domain/b.ts', ['../repository/store.ts', '../handler/handlers.ts', 'loms/contract.ts', '../app.ts']],
  ['loms/src/domain/a.test.ts', ['pg', 'node:fs', 'testing', 'service-kit', '../repository/store.ts']],
  ['loms/src/repository/a.ts', ['../handler/handlers.ts', '../peer/events.ts', '../app.ts', '../main.ts']],
  ['loms/src/repository/b.ts', ['rpc-kit', 'rpc-kit/testing', '../../contract.ts', 'checkout/contract.ts']],
  ['loms/src/handler/a.ts', ['../repository/store.ts', '../peer/events.ts', '../app.ts', '../main.ts', 'pg', 'squel']],
  ['notifications/src/domain/a.ts', ['loms/contract.ts', '../kafka/ports.ts', '../repository/deliveries.ts']],
  ['notifications/src/domain/ports.ts', ['zod', 'rpc-kit', '../../contract.ts', '../kafka/ports.ts']],
  ['notifications/src/handler/a.ts', ['../kafka/store.ts', '../journal/queue.ts', '../webhook/queue.ts']],
  ['notifications/src/kafka/a.ts', ['../journal/queue.ts', '../handler/handlers.ts', '../app.ts', 'pg', 'squel']],
  ['notifications/src/journal/a.ts', ['../webhook/queue.ts', '../main.ts', 'loms/src/app.ts']],
  ['notifications/src/webhook/a.ts', ['../journal/queue.ts', '../kafka/store.ts', '../history/history.ts']],
  ['notifications/src/history/a.ts', ['../kafka/store.ts', 'testing']],
  ['notifications/src/repository/a.ts', ['../kafka/store.ts', '../journal/queue.ts', 'rpc-kit']],
  ['loms/src/peer/a.ts', ['../repository/store.ts', '../handler/handlers.ts', '../app.ts', '../main.ts', 'pg']],
  ['loms/src/app.ts', ['checkout/src/app.ts', '../../checkout/src/app.ts', 'testing']],
  ['loms/contract.ts', ['./src/app.ts', './src/domain/errors.ts', 'pg', 'service-kit']],
  ['rpc-kit/src/a.ts', ['jayson', 'undici', 'node:http', 'loms/contract.ts', '../../loms/contract.ts', 'service-kit']],
  ['rpc-kit/src/http/a.ts', ['loms/contract.ts', 'service-kit', 'testing']],
  ['service-kit/src/a.ts', ['loms/contract.ts', 'testing']],
  ['worker-pool/src/a.ts', ['rpc-kit', 'node:timers/promises']],
  ['invariants/src/a.ts', ['loms/src/domain/status.ts', 'service-kit']],
  ['storm/src/a.ts', ['loms/src/domain/status.ts', 'invariants/src/check.ts', 'service-kit', 'testing']],
  ['benchmarks/loms/a.ts', ['../../loms/src/domain/status.ts', '../../rpc-kit/test/call-stubs.ts']],
  ['testing/test/e2e/a.test.ts', ['../../../observability/src/exposition.ts', '../../../mesh/src/services.ts']],
  ['tools/src/profile/a.ts', ['../../../rpc-kit/src/call.ts']],
  ['mesh/src/run/a.ts', ['../../../loms/src/main.ts']],
];

const allowed: [importer: string, imported: string[]][] = [
  ['loms/src/domain/c.ts', ['./errors.ts', 'worker-pool']],
  [
    'loms/src/domain/c.test.ts',
    ['./errors.ts', 'sinon', 'fast-check', 'node:assert/strict', '../../test/port-stubs.ts'],
  ],
  ['loms/src/repository/c.ts', ['../domain/ports.ts', 'service-kit', 'node:crypto']],
  ['loms/src/handler/c.ts', ['../domain/errors.ts', '../../contract.ts', 'rpc-kit', 'zod']],
  ['notifications/src/handler/c.ts', ['../domain/ports.ts', '../history/history.ts']],
  ['notifications/src/kafka/c.ts', ['./ports.ts', '../domain/ports.ts', '../repository/notifications.ts', 'rpc-kit']],
  ['notifications/src/journal/c.ts', ['../repository/deliveries.ts', 'service-kit', 'node:fs/promises', 'zod']],
  ['checkout/src/peer/c.ts', ['../domain/ports.ts', 'loms/contract.ts', 'rpc-kit']],
  ['checkout/contract.ts', ['rpc-kit', 'zod', 'loms/contract.ts']],
  ['rpc-kit/src/http/c.ts', ['jayson', 'undici', 'node:http', '../call.ts']],
  ['testing/test/e2e/c.test.ts', ['../../src/test-folder.ts', 'loms/testing', 'mesh/run', 'observability/testing']],
  ['benchmarks/loms/c.ts', ['../harness/process.ts', 'loms/testing', 'service-kit', 'testing']],
  ['storm/src/c.ts', ['mesh', 'loms/contract.ts', 'invariants', 'rpc-kit']],
];

type Diagnostic = { category: string; location: { path: string; start: { line: number } } };

/** Lints files of one import per line with Biome, and answers the refused lines. */
function lint(files: [importer: string, imported: string[]][]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'order-mesh-imports-'));
  try {
    for (const name of ['biome.json', '.gitignore']) copyFileSync(join(PROJECT_DIRECTORY, name), join(folder, name));
    for (const [importer, imported] of files) {
      mkdirSync(dirname(join(folder, importer)), { recursive: true });
      writeFileSync(join(folder, importer), imported.map((name) => `import '${name}';\n`).join(''));
    }
    return runBiome(folder).map(({ location }) => `${location.path}:${location.start.line}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runBiome(folder: string): Diagnostic[] {
  const biome = join(PROJECT_DIRECTORY, 'node_modules/@biomejs/biome/bin/biome');
  const words = [biome, 'lint', '--reporter=json', '--max-diagnostics=none', '.'];
  let output: string;
  try {
    output = execFileSync(process.execPath, words, {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch (error) {
    // It exits with 1 when it refuses an import.
    output = String((error as { stdout?: string }).stdout);
  }
  const { diagnostics }: { diagnostics: Diagnostic[] } = JSON.parse(output);
  return diagnostics.filter(({ category }) => category === 'lint/style/noRestrictedImports');
}

const linesOf = (files: [string, string[]][]) =>
  files.flatMap(([importer, imported]) => imported.map((name, index) => ({ name, line: `${importer}:${index + 1}` })));

describe('The import rule', () => {
  it('refuses imports against the layers and into the inside of packages', () => {
    const found = new Set(lint(refused));
    const missed = linesOf(refused).filter(({ line }) => !found.has(line));
    assert.deepEqual(missed, []);
  });

  it('allows imports along the layers and by the exports of packages', () => {
    assert.deepEqual(lint(allowed), []);
  });
});
