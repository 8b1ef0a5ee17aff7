import { readdir } from 'node:fs/promises';

/**
 * Reads which migrations exist and which are applied, without the library that applies them: every service checks this at
 * its start and should not wait for that library to load.
 */

/** Runs SQL text and returns the rows: a pool, a client, a connection through pgbouncer. */
export type Query = (text: string) => Promise<ReadonlyArray<Record<string, unknown>>>;

/** A failed migration; the message is one sentence for the operator. */
export class MigrationError extends Error {
  override name = 'MigrationError';
}

const UNDEFINED_TABLE = '42P01';

/** The files that are not applied yet. One cheap query, cheap enough for a readiness check and fit for pgbouncer. */
export async function pendingMigrations(query: Query, directory: string): Promise<string[]> {
  const [files, applied] = await Promise.all([listMigrations(directory), readNames(query)]);
  const names = new Set(applied);
  return files.filter((name) => !names.has(name));
}

export async function listMigrations(directory: string): Promise<string[]> {
  const entries = await readdir(directory).catch(() => {
    throw new MigrationError(`There is no folder of migrations at ${directory}.`);
  });
  return entries.filter((name) => /^\d+-.*\.sql$/.test(name)).sort();
}

export type AppliedMigration = { index: number; name: string; script: string; applied_at: Date };

/** Ordered by number, with the text that was applied. */
export async function readApplied(query: Query): Promise<AppliedMigration[]> {
  return (await readRows(query, 'index, name, script, applied_at')) as AppliedMigration[];
}

async function readNames(query: Query): Promise<unknown[]> {
  return (await readRows(query, 'name')).map(({ name }) => name);
}

async function readRows(query: Query, columns: string): ReturnType<Query> {
  try {
    return await query(`SELECT ${columns} FROM atdatabases_migrations_applied WHERE NOT obsolete ORDER BY index`);
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return [];
    throw error;
  }
}

export function sqlState(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
