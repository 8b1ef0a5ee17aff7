import type { Client } from 'pg';
import { oneLine } from './migration-session.ts';
import { MigrationError } from './pending-migrations.ts';
import { pg } from './postgres.ts';

/**
 * The most connections a service's role may hold at a time: the 20 of pgbouncer's pool (or of a few replicas that connect
 * directly), and some for migrators and psql.
 */
export const ROLE_CONNECTIONS_MAX = 25;

/** Nothing here takes more than a few milliseconds; a server that hangs should be noticed. */
const QUERY_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * The rule is that no transaction is open longer than 5 s: transaction_timeout sees to it by closing the connection.
 * A single statement is cancelled a little earlier, which is an error like any other and leaves the connection usable.
 */
const ROLE_SETTINGS = {
  statement_timeout: '4500ms',
  transaction_timeout: '5s',
  idle_in_transaction_session_timeout: '5s',
};

export interface Role {
  readonly name: string;
  readonly password: string;
  /** The most connections the role may hold at a time; -1 for no limit. */
  readonly connectionsMax: number;
}

/** Makes the role, or gives the one that is there this password and these limits. */
export async function provisionRole(client: Client, { name, password, connectionsMax }: Role): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [name]);
  const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
  const role = client.escapeIdentifier(name);
  await client.query(
    `${verb} ROLE ${role} LOGIN CONNECTION LIMIT ${connectionsMax} PASSWORD ${client.escapeLiteral(password)}`,
  );
  for (const [setting, value] of Object.entries(ROLE_SETTINGS)) {
    await client.query(`ALTER ROLE ${role} SET ${setting} = '${value}'`);
  }
}

/** Makes the database unless it is there, and lets nobody in but its owner. */
export async function provisionDatabase(client: Client, database: string, owner: string): Promise<void> {
  await client.query('REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC');
  const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
  const name = client.escapeIdentifier(database);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${name} OWNER ${client.escapeIdentifier(owner)}`);
  await client.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${name} FROM PUBLIC`);
}

/** Makes role and database of a service as its URL names them. Done again, it changes nothing but the password. */
export async function provision(superuserUrl: string, databaseUrl: string): Promise<void> {
  const { username, password, pathname } = new URL(databaseUrl);
  const name = decodeURIComponent(username);
  try {
    await withSuperuser(superuserUrl, async (client) => {
      const role = { name, password: decodeURIComponent(password), connectionsMax: ROLE_CONNECTIONS_MAX };
      await provisionRole(client, role);
      await provisionDatabase(client, decodeURIComponent(pathname.slice(1)), name);
    });
  } catch (error) {
    throw new MigrationError(`Role and database of ${name} could not be made: ${oneLine(error)}`, { cause: error });
  }
}

export async function withSuperuser<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  // A server that goes away fails the query under way; without a listener it would end this process as well.
  client.on('error', () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
