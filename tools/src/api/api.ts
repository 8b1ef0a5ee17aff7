import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PROJECT_DIRECTORY, runScript } from 'mesh';
import { buildForReading } from './built-package.ts';
import { makeReference } from './reference.ts';
import { makeReports } from './reports.ts';

/**
 * `make api`: writes the reports of rpc-kit's public interface (rpc-kit/api) and its reference (docs/api), both from the declarations of
 * the package. With --check it writes nothing, and fails when a file is stale.
 */
const isCheck = process.argv.includes('--check');
const WRITTEN = ['rpc-kit/api/*.md', 'docs/api/**/*.md'];

await runScript(async () => {
  using built = buildForReading();
  const { reports, mistakes } = makeReports(built);
  const made = new Map([...reports, ...(await makeReference(built))].map(({ path, text }) => [path, text]));
  const known = globSync(WRITTEN, { cwd: PROJECT_DIRECTORY });
  const current = new Map(known.map((path) => [path, readFileSync(join(PROJECT_DIRECTORY, path), 'utf8')]));
  const stale = [...new Set([...made.keys(), ...known])].filter((path) => made.get(path) !== current.get(path));
  if (!isCheck) for (const path of stale) replace(path, made.get(path));
  if (isCheck && stale.length > 0)
    mistakes.push(`${stale.join(', ')} no longer match the code: run make api and commit the result.`);
  for (const mistake of mistakes) console.error(mistake);
  if (mistakes.length > 0) return 1;
  console.log(stale.length === 0 ? 'Reports and reference are up to date.' : `Written: ${stale.join(', ')}`);
  return 0;
});

function replace(path: string, text: string | undefined): void {
  const file = join(PROJECT_DIRECTORY, path);
  if (text === undefined) {
    rmSync(file);
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
