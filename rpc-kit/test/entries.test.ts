import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The packages that everybody installs. */
const CORE = ['jayson', 'opossum', 'undici', 'zod'];

/** The public entries, and the optional packages that their sources import, directly or through others, types included. */
const ENTRIES: Readonly<Record<string, readonly string[]>> = {
  '../src/index.ts': [],
  '../src/grpc/index.ts': ['@bufbuild/protobuf'],
  '../src/logging.ts': [],
  '../src/metrics.ts': ['prom-client'],
  '../src/testing.ts': [],
  '../src/tracing.ts': ['@opentelemetry/api'],
};

const IMPORTED = /^(?:import|export)\b[^;']*?\bfrom '([^']+)';|^import '([^']+)';|\bimport\('([^']+)'\)/gm;

function importsOf(file: URL): string[] {
  return [...readFileSync(file, 'utf8').matchAll(IMPORTED)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** With the chain of files that leads to each package. */
function reachedFrom(entry: URL): Map<string, string> {
  const packages = new Map<string, string>();
  const known = new Set([entry.href]);
  const open: { file: URL; path: string }[] = [{ file: entry, path: fileURLToPath(entry) }];
  for (const { file, path } of open) {
    for (const name of importsOf(file)) {
      if (name.startsWith('.')) {
        const next = new URL(name, file);
        if (!known.has(next.href)) open.push({ file: next, path: `${path} → ${name}` });
        known.add(next.href);
      } else if (!name.startsWith('node:')) {
        const packageName = name.split('/', name.startsWith('@') ? 2 : 1).join('/');
        if (!packages.has(packageName)) packages.set(packageName, path);
      }
    }
  }
  return packages;
}

describe('the entries of rpc-kit', () => {
  for (const [entry, optional] of Object.entries(ENTRIES)) {
    it(`need ${optional.join(' and ') || 'nothing'} besides the packages of the core: ${entry}`, () => {
      const reached = reachedFrom(new URL(entry, import.meta.url));
      const why = [...reached].map(([name, path]) => `${name}: ${path}`).join('\n');
      assert.deepEqual([...reached.keys()].filter((name) => !CORE.includes(name)).sort(), optional, why);
    });
  }

  it('have a core of four packages', () => {
    const reached = reachedFrom(new URL('../src/index.ts', import.meta.url));
    assert.deepEqual([...reached.keys()].sort(), CORE);
  });
});
