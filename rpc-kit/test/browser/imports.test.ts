import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

/** Imports and exports of other modules, of types too: a page's compiler reads their declarations. */
const FROM = /(?:^|\n)(?:import|export)\b[^;'"]*?from '([^']+)'|(?:^|\n)import '([^']+)'|\bimport\('([^']+)'\)/g;

/** The specifiers that leave rpc-kit, by file. */
async function importsOf(entry: URL): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const pending = [entry];
  for (let file = pending.pop(); file; file = pending.pop()) {
    if (found.has(file.pathname)) continue;
    const specifiers = [...(await readFile(file, 'utf8')).matchAll(FROM)].map((match) => match.slice(1).find(Boolean));
    found.set(file.pathname, []);
    for (const specifier of specifiers as string[]) {
      if (specifier.startsWith('.')) pending.push(new URL(specifier, file));
      else found.get(file.pathname)?.push(specifier);
    }
  }
  return found;
}

describe('The sources behind rpc-kit/client', () => {
  it('import nothing but each other and zod', async () => {
    const imports = await importsOf(new URL('../../src/browser.ts', import.meta.url));
    assert.ok(imports.size > 30, `only ${imports.size} files were found`);
    for (const [file, specifiers] of imports) {
      assert.deepEqual(
        specifiers.filter((specifier) => specifier !== 'zod'),
        [],
        file,
      );
    }
  });

  it('are told from those of Node', async () => {
    const imports = await importsOf(new URL('../../src/index.ts', import.meta.url));
    assert.ok([...imports.values()].flat().includes('node:http'));
  });
});
