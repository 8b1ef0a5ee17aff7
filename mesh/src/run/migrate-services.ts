import { join } from 'node:path';
import { migrateUp } from 'service-kit/migrations';
import { PROJECT_DIRECTORY } from '../mesh-config.ts';
import { DATABASES, type DatabaseName, type PerDatabase } from '../services.ts';

export function migrationsDirectory(service: DatabaseName): string {
  return join(PROJECT_DIRECTORY, 'migrations', service);
}

/** Applies the pending migrations of every database, all at the same time. */
export async function migrateServices(directUrls: PerDatabase<string>): Promise<void> {
  const runs = DATABASES.map((service) =>
    migrateUp({ databaseUrl: directUrls[service], directory: migrationsDirectory(service) }),
  );
  // Waits for all before it reports the first failure, so that no migration is cut off.
  const outcomes = await Promise.allSettled(runs);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
