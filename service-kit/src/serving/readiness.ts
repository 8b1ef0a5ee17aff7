import type { ReadinessCheck } from 'rpc-kit';
import type { Database } from '../database/database.ts';
import { pendingMigrations } from '../database/pending-migrations.ts';

/** A service can serve when its database answers and holds the tables that this version of it expects. */
export function databaseReadiness(database: Database, migrationsFolder: string): Record<string, ReadinessCheck> {
  return {
    async database() {
      await database.ping();
    },
    async migrations() {
      // Each time anew: a migration may be rolled back while a service runs, and then most of its statements fail.
      const pending = await pendingMigrations(database.query, migrationsFolder);
      if (pending.length > 0) throw new Error(`not applied yet: ${pending.join(', ')}; run make migrate`);
    },
  };
}
