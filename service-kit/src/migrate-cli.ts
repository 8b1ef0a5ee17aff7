import { join } from 'node:path';
import { hideUrlSecrets } from 'rpc-kit/urls';
import { z } from 'zod';
import { ConfigError, loadConfig } from './config.ts';
import { MigrationError, migrateDown, migrateUp, migrationStatus } from './database/migrations.ts';
import { provision } from './database/provision.ts';
import { variable } from './variables.ts';

/**
 * `node service-kit/src/migrate-cli.ts up|down|status <service>` migrates the database of DATABASE_URL, for example in a
 * one-shot container. With SUPERUSER_DATABASE_URL, `up` first creates the role and the database that DATABASE_URL names.
 * `make migrate` does the same on the embedded Postgres.
 */
const USAGE = 'Usage: DATABASE_URL=postgres://… node service-kit/src/migrate-cli.ts up|down|status <service>';

const variables = z.object({
  DATABASE_URL: variable.databaseUrl(),
  SUPERUSER_DATABASE_URL: variable.databaseUrl().optional(),
});

async function run(command: string | undefined, service: string | undefined): Promise<void> {
  if (!process.env.DATABASE_URL || service === undefined) throw new MigrationError(USAGE);
  const { DATABASE_URL: databaseUrl, SUPERUSER_DATABASE_URL: superuserUrl } = loadConfig(variables);
  const target = { databaseUrl, directory: join(import.meta.dirname, '../../migrations', service) };
  if (command === 'up') {
    if (superuserUrl) await provision(superuserUrl, databaseUrl);
    const applied = await migrateUp(target);
    console.log(`${service}: ${applied.length > 0 ? `applied ${applied.join(', ')}` : 'nothing to apply'}`);
  } else if (command === 'down') {
    const name = await migrateDown(target);
    console.log(`${service}: ${name === undefined ? 'nothing to roll back' : `rolled back ${name}`}`);
  } else if (command === 'status') {
    for (const { name, state, appliedAt } of await migrationStatus(target)) {
      console.log(`${service}: ${name} ${state} ${appliedAt?.toISOString() ?? ''}`.trimEnd());
    }
  } else throw new MigrationError(USAGE);
}

try {
  await run(process.argv[2], process.argv[3]);
} catch (error) {
  const isSentence = error instanceof MigrationError || error instanceof ConfigError;
  console.error(hideUrlSecrets(isSentence ? error.message : `The migration did not run: ${error}`));
  process.exitCode = 1;
}
