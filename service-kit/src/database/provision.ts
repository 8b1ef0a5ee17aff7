import type { Client } from 'pg';
import { oneLine } from './migration-session.ts';
import { MigrationError } from './pending-migrations.ts';
import { pg } from './postgres.ts';

/**
 * Connection limit of a service's role: 20 for pgbouncer's pool (or a few replicas that connect directly), and 5 for
 * migrators and psql.
 */
export const ROLE_CONNECTIONS_MAX = 25;

/** These statements take milliseconds, so a longer one means that the server hangs. */
const QUERY_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * No transaction may last longer than 5 s: transaction_timeout enforces it by closing the connection. A single statement is
 * cancelled a little earlier, which keeps the connection usable.
 */
const ROLE_SETTINGS = {
  statement_timeout: '4500ms',
  transaction_timeout: '5s',
  idle_in_transaction_session_timeout: '5s',
};

export interface Role {
  readonly name: string;
  readonly password: string;
  /** Connection limit; -1 for none. */
  readonly connectionsMax: number;
}

/** Creates the role, or sets the password and limits of an existing one. */
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

/** Creates the database unless it exists, and allows only its owner to connect. */
export async function provisionDatabase(client: Client, database: string, owner: string): Promise<void> {
  await client.query('REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC');
  const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
  const name = client.escapeIdentifier(database);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${name} OWNER ${client.escapeIdentifier(owner)}`);
  await client.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${name} FROM PUBLIC`);
}

/** Creates the role and the database that the URL names. Repeating it only sets the password. */
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
    throw new MigrationError(`The role and the database of ${name} could not be created: ${oneLine(error)}`, {
      cause: error,
    });
  }
}

export async function withSuperuser<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  // A broken connection already fails its query; without a listener it would also end this process.
  client.on('error', () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
