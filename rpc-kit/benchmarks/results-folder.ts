import { mkdir, writeFile } from 'node:fs/promises';

/**
 * Writes what came out, as figures and as tables, into `results/` beside the benchmark. A quick run does not take the
 * place of a full one.
 * @returns the two files
 */
export async function writeResults(
  benchmark: URL,
  results: { readonly quick: boolean },
  markdown: string,
): Promise<string> {
  const name = results.quick ? 'quick' : 'latest';
  const folder = new URL('results/', benchmark);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${name}.json`, folder), `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(new URL(`${name}.md`, folder), markdown);
  return `benchmarks/results/${name}.md and ${name}.json`;
}
