import './postgres-variables.ts';
import { type Connection, connect, sql } from '@databases/pg-migrations';
import { hideUrlSecrets } from 'rpc-kit/urls';
import { MigrationError, sqlState } from './pending-migrations.ts';
import { pg } from './postgres.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** Another migrator may run a long migration; beyond this an operator has to check it. */
const OTHER_MIGRATOR_TIMEOUT_MS = 60_000;
/** DDL that waits for a lock blocks every statement behind it; service transactions last at most 5 s. */
const TABLE_LOCK_TIMEOUT_MS = 10_000;
/** One key for all services: advisory locks belong to a database, and each service has its own. */
const MIGRATOR_LOCK = 0x6d657368;
const LOCK_NOT_AVAILABLE = '55P03';

/** One migrator at a time: a second one waits until the first has finished, and then has nothing to apply. */
export async function withMigratorLock<T>(databaseUrl: string, use: (session: Connection) => Promise<T>): Promise<T> {
  return withSession(databaseUrl, async (session) => {
    try {
      await session.query(sql`SELECT set_config('lock_timeout', ${String(OTHER_MIGRATOR_TIMEOUT_MS)}, false)`);
      await session.query(sql`SELECT pg_advisory_lock(${MIGRATOR_LOCK})`);
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
      throw new MigrationError(
        `Another migrator has held the lock of this database for ${OTHER_MIGRATOR_TIMEOUT_MS / 1000} s: check what it waits for, then run again.`,
      );
    }
    await session.query(sql`SELECT set_config('lock_timeout', ${String(TABLE_LOCK_TIMEOUT_MS)}, false)`);
    // Postgres releases the lock with the connection, even if this process is killed.
    return use(session);
  });
}

/** Exactly one connection, because the lock and the settings belong to it. */
export async function withSession<T>(databaseUrl: string, use: (session: Connection) => Promise<T>): Promise<T> {
  const pool = connect({
    ...readTarget(databaseUrl),
    bigIntMode: 'bigint',
    poolSize: 1,
    connectionTimeoutMilliseconds: CONNECT_TIMEOUT_MS,
  });
  let connected = false;
  try {
    return await pool.task(async (session) => {
      connected = true;
      // The role's limits are made for requests; a migration that rewrites a table takes longer.
      await session.query(sql`SELECT set_config('statement_timeout', '0', false), set_config('transaction_timeout', '0', false),
        set_config('idle_in_transaction_session_timeout', '0', false)`);
      return use(session);
    });
  } catch (error) {
    if (connected) throw error;
    throw new MigrationError(`The database at ${hideUrlSecrets(databaseUrl)} cannot be reached: ${oneLine(error)}`);
  } finally {
    await pool.dispose();
  }
}

/** Parses the URL with the services' driver, because the migration library reads IPv6 addresses and TLS options differently. */
function readTarget(databaseUrl: string) {
  const { user, password, host, port, database, ssl } = new pg.Client({ connectionString: databaseUrl });
  const target = { user: user ?? '', password: password ?? '', host, port, database: database ?? '' };
  // Without a connection string, the library would read DATABASE_URL of the shell.
  return { connectionString: 'postgres://', ...target, ssl: ssl === true ? {} : ssl };
}

/** The first line of the message; the following lines quote the statement. */
export function oneLine(error: unknown): string {
  // The AggregateError of a name with several addresses has a code but no message.
  const message = error instanceof Error ? error.message || String(sqlState(error)) : String(error);
  return (message.split('\n')[0] ?? message).trim();
}
