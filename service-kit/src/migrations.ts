import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  applyMigrations,
  type Connection,
  type ConnectionPool,
  connect,
  markMigrationAsUnapplied,
  sql,
  type Transaction,
} from '@databases/pg-migrations';

/** What a migration needs: a direct connection (pgbouncer in transaction mode has no sessions to lock in) and a folder of SQL. */
export type MigrationTarget = { databaseUrl: string; directory: string };
export type MigrationState = { name: string; state: 'applied' | 'pending' | 'changed' | 'missing'; appliedAt?: Date };
/** Anything that runs a text of SQL and answers its rows: a pool, a client, a connection through pgbouncer. */
export type Query = (text: string) => Promise<ReadonlyArray<Record<string, unknown>>>;

/** A migration that failed: the message is one sentence for whoever ran it. */
export class MigrationError extends Error {
  override name = 'MigrationError';
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Another migrator may be in the middle of a long one; longer than this a person has to look. */
const OTHER_MIGRATOR_TIMEOUT_MS = 60_000;
/** DDL that queues behind a long transaction stops everybody behind it, and no transaction here lasts longer than 5 s. */
const TABLE_LOCK_TIMEOUT_MS = 10_000;
/** One key for all: advisory locks belong to one database, and each service has its own. */
const MIGRATOR_LOCK = 0x6d657368;
const UNDEFINED_TABLE = '42P01';
const LOCK_NOT_AVAILABLE = '55P03';

/** Applies what is pending, each file in a transaction of its own, and answers the names of the files applied. */
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

/** Rolls the newest applied migration back and answers its name, or undefined where none is applied. */
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
      // Both in one transaction: a migration is never rolled back and still marked as applied, nor the other way round.
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

/** One entry for each file, and for each applied migration whose file is gone. Changes nothing in the database. */
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

/** The files not yet applied: what a readiness check asks. One cheap query, which pgbouncer carries too. */
export async function pendingMigrations(query: Query, directory: string): Promise<string[]> {
  const [files, applied] = await Promise.all([listMigrations(directory), readApplied(query)]);
  const names = new Set(applied.map(({ name }) => name));
  return files.filter((name) => !names.has(name));
}

async function listMigrations(directory: string): Promise<string[]> {
  const entries = await readdir(directory).catch(() => {
    throw new MigrationError(`There is no folder of migrations at ${directory}.`);
  });
  return entries.filter((name) => /^\d+-.*\.sql$/.test(name)).sort();
}

type AppliedMigration = { index: number; name: string; script: string; applied_at: Date };

async function readApplied(query: Query): Promise<AppliedMigration[]> {
  const text = `SELECT index, name, script, applied_at
    FROM atdatabases_migrations_applied WHERE NOT obsolete ORDER BY index`;
  try {
    return (await query(text)) as AppliedMigration[];
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return [];
    throw error;
  }
}

async function withMigratorLock<T>(databaseUrl: string, use: (session: Connection) => Promise<T>): Promise<T> {
  return withSession(databaseUrl, async (session) => {
    try {
      await session.query(sql`SELECT set_config('lock_timeout', ${String(OTHER_MIGRATOR_TIMEOUT_MS)}, false)`);
      await session.query(sql`SELECT pg_advisory_lock(${MIGRATOR_LOCK})`);
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
      throw new MigrationError(
        `Another migrator has been at work on this database for ${OTHER_MIGRATOR_TIMEOUT_MS / 1000} s: see what it waits for, then run again.`,
      );
    }
    await session.query(sql`SELECT set_config('lock_timeout', ${String(TABLE_LOCK_TIMEOUT_MS)}, false)`);
    // The lock goes with the connection, also when this process is killed.
    return use(session);
  });
}

/** One connection, and it stays one: lock and settings belong to it. */
async function withSession<T>(databaseUrl: string, use: (session: Connection) => Promise<T>): Promise<T> {
  const encrypted = URL.parse(databaseUrl)?.searchParams.has('sslmode');
  const pool = connect({
    connectionString: databaseUrl,
    bigIntMode: 'bigint',
    poolSize: 1,
    connectionTimeoutMilliseconds: CONNECT_TIMEOUT_MS,
    ...(encrypted ? {} : { ssl: false }),
  });
  let connected = false;
  try {
    return await pool.task(async (session) => {
      connected = true;
      // The role's own limits are for requests; rewriting a table may take longer than a request may.
      await session.query(sql`SELECT set_config('statement_timeout', '0', false), set_config('transaction_timeout', '0', false),
        set_config('idle_in_transaction_session_timeout', '0', false)`);
      return use(session);
    });
  } catch (error) {
    if (connected) throw error;
    throw new MigrationError(`The database at ${withoutPassword(databaseUrl)} cannot be reached: ${oneLine(error)}`);
  } finally {
    await pool.dispose();
  }
}

/** pg-migrations asks for a pool and uses `query` and `tx`, which a connection and a transaction (by a savepoint) have too. */
function asPool(queryable: Connection | Transaction): ConnectionPool {
  return queryable as unknown as ConnectionPool;
}

function withoutPassword(databaseUrl: string): string {
  const url = URL.parse(databaseUrl);
  return url === null ? 'DATABASE_URL' : `${url.host}${url.pathname}`;
}

function sqlState(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  // The driver draws the statement below its message; a log line has no room for a drawing.
  return (message.split('\n')[0] ?? message).trim();
}
