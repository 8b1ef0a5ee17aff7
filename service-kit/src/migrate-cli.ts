import { join } from 'node:path';
import { MigrationError, migrateDown, migrateUp, migrationStatus } from './migrations.ts';
import { provision } from './provision.ts';

/**
 * `node service-kit/src/migrate-cli.ts up|down|status <service>` on the database of DATABASE_URL: all that a one-shot job
 * needs where somebody else runs Postgres. With SUPERUSER_DATABASE_URL, `up` first makes the role and the database that
 * DATABASE_URL names. `make migrate` does the same on the embedded one.
 */
const USAGE = 'Usage: DATABASE_URL=postgres://… node service-kit/src/migrate-cli.ts up|down|status <service>';

async function run(command: string | undefined, service: string | undefined): Promise<void> {
  const databaseUrl = process.env.DATABASE_URL;
  if (databaseUrl === undefined || service === undefined) throw new MigrationError(USAGE);
  const target = { databaseUrl, directory: join(import.meta.dirname, '../../migrations', service) };
  if (command === 'up') {
    const superuserUrl = process.env.SUPERUSER_DATABASE_URL;
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
  console.error(error instanceof MigrationError ? error.message : `The migration did not run: ${error}`);
  process.exitCode = 1;
}
