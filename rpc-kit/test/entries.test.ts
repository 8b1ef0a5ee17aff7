import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import manifest from '../package.json' with { type: 'json' };

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

const NODE = 'node';

const IMPORTED = /^(?:import|export)\b[^;']*?\bfrom '([^']+)';|^import '([^']+)';|\bimport\('([^']+)'\)/gm;

/** Where the entry runs: some modules of the package differ by it. */
type Condition = 'default' | 'browser';

function importsOf(file: URL, condition: Condition): string[] {
  const names = [...readFileSync(file, 'utf8').matchAll(IMPORTED)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? '',
  );
  return names.map((name) =>
    name.startsWith('#')
      ? new URL(`../${manifest.imports[name as keyof typeof manifest.imports][condition]}`, import.meta.url).href
      : name,
  );
}

/** With the chain of files that leads to each package; all modules of Node count as one. */
function reachedFrom(entry: URL, condition: Condition = 'default'): Map<string, string> {
  const packages = new Map<string, string>();
  const known = new Set([entry.href]);
  const open: { file: URL; path: string }[] = [{ file: entry, path: fileURLToPath(entry) }];
  for (const { file, path } of open) {
    for (const name of importsOf(file, condition)) {
      if (name.startsWith('.') || name.startsWith('file:')) {
        const next = new URL(name, file);
        if (!known.has(next.href)) open.push({ file: next, path: `${path} → ${name}` });
        known.add(next.href);
      } else {
        const packageName = name.startsWith('node:') ? NODE : name.split('/', name.startsWith('@') ? 2 : 1).join('/');
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
      assert.deepEqual(
        [...reached.keys()].filter((name) => name !== NODE && !CORE.includes(name)).sort(),
        optional,
        why,
      );
    });
  }

  it('have a core of four packages', () => {
    const reached = reachedFrom(new URL('../src/index.ts', import.meta.url));
    assert.deepEqual([...reached.keys()].sort(), [...CORE.slice(0, 1), NODE, ...CORE.slice(1)]);
  });

  it('need zod alone in a browser: ../src/browser.ts', () => {
    const reached = reachedFrom(new URL('../src/browser.ts', import.meta.url), 'browser');
    assert.deepEqual([...reached.keys()], ['zod'], [...reached].map(([name, path]) => `${name}: ${path}`).join('\n'));
  });
});
