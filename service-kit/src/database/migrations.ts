import './postgres-variables.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  applyMigrations,
  type Connection,
  type ConnectionPool,
  markMigrationAsUnapplied,
  sql,
  type Transaction,
} from '@databases/pg-migrations';
import { oneLine, withMigratorLock, withSession } from './migration-session.ts';
import { listMigrations, MigrationError, readApplied } from './pending-migrations.ts';

export { MigrationError, pendingMigrations, type Query } from './pending-migrations.ts';

/** A direct connection (pgbouncer in transaction mode has no sessions, so no session locks) and a folder of SQL files. */
export type MigrationTarget = { databaseUrl: string; directory: string };
export type MigrationState = { name: string; state: 'applied' | 'pending' | 'changed' | 'missing'; appliedAt?: Date };

/** Applies the pending files, each in its own transaction, and returns their names. */
export async function migrateUp({ databaseUrl, directory }: MigrationTarget): Promise<string[]> {
  await listMigrations(directory);
  return withMigratorLock(databaseUrl, async (session) => {
    const applied: string[] = [];
    let current: string | undefined;
    try {
      await applyMigrations({
        connection: asPool(session),
        migrationsDirectory: directory,
        beforeOperation: async (operation) => {
          if (operation.kind === 'apply') current = operation.value.name;
        },
        afterOperation: async (operation) => {
          if (operation.kind === 'applied') applied.push(operation.value.name);
        },
      });
    } catch (error) {
      const what = current === undefined ? `The migrations in ${directory} were not applied` : `${current} failed`;
      throw new MigrationError(`${what}: ${oneLine(error)}`, { cause: error });
    }
    return applied;
  });
}

/** Rolls back the newest applied migration and returns its name, or undefined if none is applied. */
export async function migrateDown({ databaseUrl, directory }: MigrationTarget): Promise<string | undefined> {
  return withMigratorLock(databaseUrl, async (session) => {
    const newest = (await readApplied((text) => session.query(sql.__dangerous__rawValue(text)))).at(-1);
    if (newest === undefined) return undefined;
    const file = join(directory, 'down', newest.name);
    const script = await readFile(file, 'utf8').catch(() => {
      throw new MigrationError(
        `${newest.name} cannot be rolled back: ${file} cannot be read. Write the SQL that undoes it.`,
      );
    });
    try {
      // One transaction, so that the mark always agrees with the schema.
      await session.tx(async (transaction) => {
        await transaction.query(sql.__dangerous__rawValue(script));
        await markMigrationAsUnapplied({
          connection: asPool(transaction),
          migrationsDirectory: directory,
          migrationIndex: newest.index,
        });
      });
    } catch (error) {
      throw new MigrationError(`down/${newest.name} failed: ${oneLine(error)}`, { cause: error });
    }
    return newest.name;
  });
}

/** One entry for each file and for each applied migration whose file is missing. Read-only. */
export async function migrationStatus({ databaseUrl, directory }: MigrationTarget): Promise<MigrationState[]> {
  const files = await listMigrations(directory);
  const applied = await withSession(databaseUrl, (session) =>
    readApplied((text) => session.query(sql.__dangerous__rawValue(text))),
  );
  const appliedByName = new Map(applied.map((migration) => [migration.name, migration]));
  const states = await Promise.all(
    files.map(async (name): Promise<MigrationState> => {
      const migration = appliedByName.get(name);
      if (migration === undefined) return { name, state: 'pending' };
      const unchanged = (await readFile(join(directory, name), 'utf8')) === migration.script;
      return { name, state: unchanged ? 'applied' : 'changed', appliedAt: migration.applied_at };
    }),
  );
  const missing = applied.filter(({ name }) => !files.includes(name));
  return [
    ...states,
    ...missing.map(({ name, applied_at }): MigrationState => ({ name, state: 'missing', appliedAt: applied_at })),
  ];
}

/** pg-migrations wants a pool but only uses `query` and `tx`, which connections and transactions (by savepoints) have too. */
function asPool(queryable: Connection | Transaction): ConnectionPool {
  return queryable as unknown as ConnectionPool;
}
