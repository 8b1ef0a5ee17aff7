import { join } from 'node:path';
import { migrateUp } from 'service-kit/migrations';
import { PROJECT_DIRECTORY } from '../mesh-config.ts';
import { type PerService, SERVICES, type ServiceName } from '../services.ts';

export function migrationsDirectory(service: ServiceName): string {
  return join(PROJECT_DIRECTORY, 'migrations', service);
}

/** Brings every database up to date, all at the same time, and answers the names of the files applied. */
export async function migrateServices(directUrls: PerService<string>): Promise<PerService<string[]>> {
  const applied: Partial<PerService<string[]>> = {};
  const runs = SERVICES.map(async (service) => {
    applied[service] = await migrateUp({ databaseUrl: directUrls[service], directory: migrationsDirectory(service) });
  });
  // All of them come to their end before the first failure is told, so that none is cut off half way.
  const outcomes = await Promise.allSettled(runs);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return applied as PerService<string[]>;
}
