import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accounts } from 'accounts/contract.ts';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { PROJECT_DIRECTORY } from 'mesh';
import { notifications } from 'notifications/contract.ts';
import { dashboardFiles } from 'observability/dashboards';
import { products } from 'products/contract.ts';
import { CONFIGURED_SERVICES, withConfiguration, withConfigurationOf } from './configuration-tables.ts';
import { contractsPage } from './contracts-page.ts';

/**
 * Writes the files that are generated from the code: contracts.md, the tables of variables, and Grafana's dashboards.
 * With --check it writes nothing, and fails when a file is stale.
 */
const isCheck = process.argv.includes('--check');

const targets = [
  { path: 'contracts.md', make: async () => contractsPage([accounts, checkout, loms, notifications, products]) },
  { path: 'docs/configuration.md', make: async (current: string) => withConfiguration(current) },
  ...CONFIGURED_SERVICES.map((service) => ({
    path: `${service}/README.md`,
    make: async (current: string) => withConfigurationOf(service, current),
  })),
  ...dashboardFiles,
];

const stale: string[] = [];
for (const { path, make } of targets) {
  const file = join(PROJECT_DIRECTORY, path);
  const current = await readFile(file, 'utf8').catch(() => '');
  const made = await make(current);
  if (made === current) continue;
  stale.push(path);
  if (!isCheck) await writeFile(file, made);
}

if (isCheck && stale.length > 0) {
  console.error(`${stale.join(' and ')} no longer match the code: run make generate and commit the result.`);
  process.exitCode = 1;
} else {
  console.log(stale.length === 0 ? 'Everything generated is up to date.' : `Written: ${stale.join(', ')}`);
}
