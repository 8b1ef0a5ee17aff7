import type { ReadinessCheck } from 'rpc-kit';
import type { Database } from '../database/database.ts';
import { pendingMigrations } from '../database/pending-migrations.ts';

/** A service is ready when its database answers and every migration of this version is applied. */
export function databaseReadiness(database: Database, migrationsFolder: string): Record<string, ReadinessCheck> {
  return {
    async database() {
      await database.ping();
    },
    async migrations() {
      // Checked each time: after a rollback of a migration, most statements of a running service fail.
      const pending = await pendingMigrations(database.query, migrationsFolder);
      if (pending.length > 0) throw new Error(`not applied yet: ${pending.join(', ')}; run make migrate`);
    },
  };
}
