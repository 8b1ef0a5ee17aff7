import { join } from 'node:path';
import { migrateUp } from 'service-kit/migrations';
import { PROJECT_DIRECTORY } from '../mesh-config.ts';
import { type PerService, SERVICES, type ServiceName } from '../services.ts';

export function migrationsDirectory(service: ServiceName): string {
  return join(PROJECT_DIRECTORY, 'migrations', service);
}

/** Applies the pending migrations of every database, all at the same time. */
export async function migrateServices(directUrls: PerService<string>): Promise<void> {
  const runs = SERVICES.map((service) =>
    migrateUp({ databaseUrl: directUrls[service], directory: migrationsDirectory(service) }),
  );
  // Waits for all before it reports the first failure, so that no migration is cut off.
  const outcomes = await Promise.allSettled(runs);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
