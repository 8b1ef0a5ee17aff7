import type { ReadinessCheck } from 'rpc-kit';
import type { Database } from './database.ts';
import { pendingMigrations } from './pending-migrations.ts';

/** A service can serve when its database answers and holds the tables that this version of it expects. */
export function databaseReadiness(database: Database, migrationsFolder: string): Record<string, ReadinessCheck> {
  let migrated = false;
  return {
    async database() {
      await database.ping();
    },
    async migrations() {
      // Applied migrations stay applied while a service runs, so one good answer is enough.
      if (migrated) return;
      const pending = await pendingMigrations(database.query, migrationsFolder);
      if (pending.length > 0) throw new Error(`not applied yet: ${pending.join(', ')}; run make migrate`);
      migrated = true;
    },
  };
}
