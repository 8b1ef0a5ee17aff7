import './postgres-variables.ts';
import { type Connection, connect, sql } from '@databases/pg-migrations';
import { hideUrlSecrets } from 'rpc-kit/urls';
import { MigrationError, sqlState } from './pending-migrations.ts';
import { pg } from './postgres.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** Another migrator may be in the middle of a long one; longer than this a person has to look. */
const OTHER_MIGRATOR_TIMEOUT_MS = 60_000;
/** DDL that queues behind a long transaction stops everybody behind it, and no transaction here lasts longer than 5 s. */
const TABLE_LOCK_TIMEOUT_MS = 10_000;
/** One key for all: advisory locks belong to one database, and each service has its own. */
const MIGRATOR_LOCK = 0x6d657368;
const LOCK_NOT_AVAILABLE = '55P03';

/** One migrator at a time: a second one waits here until the first is done, and then finds nothing to do. */
export async function withMigratorLock<T>(databaseUrl: string, use: (session: Connection) => Promise<T>): Promise<T> {
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
      // The role's own limits are for requests; rewriting a table may take longer than a request may.
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

/** As the services' driver reads the URL: the library of migrations reads IPv6 addresses and TLS options in another way. */
function readTarget(databaseUrl: string) {
  const { user, password, host, port, database, ssl } = new pg.Client({ connectionString: databaseUrl });
  const target = { user: user ?? '', password: password ?? '', host, port, database: database ?? '' };
  // Empty but for the scheme, since the library would read DATABASE_URL of the shell instead of a missing one.
  return { connectionString: 'postgres://', ...target, ssl: ssl === true ? {} : ssl };
}

/** The first line of it: below that the driver draws the statement, and a log line has no room for a drawing. */
export function oneLine(error: unknown): string {
  // An AggregateError, of a name with several addresses, has a code and no message.
  const message = error instanceof Error ? error.message || String(sqlState(error)) : String(error);
  return (message.split('\n')[0] ?? message).trim();
}
