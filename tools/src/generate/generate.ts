import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';
import { dashboardFiles } from 'observability/dashboards';
import { contracts } from '../contracts.ts';
import { CONFIGURED_SERVICES, withConfiguration, withConfigurationOf } from './configuration-tables.ts';
import { contractsPage } from './contracts-page.ts';
import { currentLock, protoFiles, strayProtoFiles } from './proto-files.ts';

/**
 * Writes the files that are generated from the code: contracts.md, the tables of variables, Grafana's dashboards, and the .proto
 * files with their numbers. The .proto file of a service that was removed is removed as well.
 * With --check it writes nothing, and fails when a file is stale.
 */
const isCheck = process.argv.includes('--check');

const lock = currentLock();
const targets = [
  { path: 'contracts.md', make: async () => contractsPage(contracts, lock) },
  { path: 'docs/configuration.md', make: async (current: string) => withConfiguration(current) },
  ...CONFIGURED_SERVICES.map((service) => ({
    path: `${service}/README.md`,
    make: async (current: string) => withConfigurationOf(service, current),
  })),
  ...dashboardFiles,
  ...protoFiles(lock),
];

const stale: string[] = [];
for (const { path, make } of targets) {
  const file = join(PROJECT_DIRECTORY, path);
  const current = await readFile(file, 'utf8').catch(() => '');
  const made = await make(current);
  if (made === current) continue;
  stale.push(path);
  if (isCheck) continue;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, made);
}

const strays = strayProtoFiles(
  PROJECT_DIRECTORY,
  targets.map(({ path }) => path),
);
if (!isCheck) for (const path of strays) await rm(join(PROJECT_DIRECTORY, path));

if (isCheck && stale.length + strays.length > 0) {
  console.error(
    `${[...stale, ...strays].join(' and ')} no longer match the code: run make generate and commit the result.`,
  );
  process.exitCode = 1;
} else {
  if (strays.length > 0) console.log(`Removed: ${strays.join(', ')}`);
  if (stale.length > 0) console.log(`Written: ${stale.join(', ')}`);
  if (stale.length + strays.length === 0) console.log('Everything generated is up to date.');
}
