import { mkdir, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Writes what came out, as figures and as tables, into `results/` beside the benchmark. A quick run does not take the
 * place of a full one.
 * @param benchmark the module beside which `results/` lies
 * @returns the two files, as seen from the project's folder
 */
export async function writeResults(
  benchmark: URL,
  results: { readonly quick: boolean },
  markdown: string,
): Promise<string> {
  const name = results.quick ? 'quick' : 'latest';
  const folder = new URL('results/', benchmark);
  const shortFolder = relative(PROJECT, fileURLToPath(folder));
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${name}.json`, folder), `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(new URL(`${name}.md`, folder), markdown);
  return `${shortFolder}/${name}.md and ${name}.json`;
}
