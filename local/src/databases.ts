import pg from 'pg';
import { LOCAL_HOST } from './mesh-config.ts';
import { type PerService, SERVICES, type ServiceName } from './services.ts';

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

export type DatabaseServer = { port: number; superuserPassword: string };

/** One database and one role for each service, who may enter its own database only. Done again, it changes nothing. */
export async function prepareDatabases(
  server: DatabaseServer,
  passwords: PerService<string>,
  limit: number,
): Promise<void> {
  await withSuperuser(server, async (client) => {
    await client.query('REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC');
    for (const service of SERVICES) {
      await prepareRole(client, service, passwords[service], limit);
      await prepareDatabase(client, service, service);
    }
  });
}

/** @param limit the most connections the role may hold at a time; -1 for no limit. */
export async function prepareRole(
  client: pg.Client,
  role: ServiceName,
  password: string,
  limit: number,
): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
  const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
  const name = client.escapeIdentifier(role);
  await client.query(`${verb} ROLE ${name} LOGIN CONNECTION LIMIT ${limit} PASSWORD ${client.escapeLiteral(password)}`);
  for (const [setting, value] of Object.entries(ROLE_SETTINGS)) {
    await client.query(`ALTER ROLE ${name} SET ${setting} = '${value}'`);
  }
}

export async function prepareDatabase(client: pg.Client, database: string, owner: ServiceName): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
  const name = client.escapeIdentifier(database);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${name} OWNER ${client.escapeIdentifier(owner)}`);
  await client.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${name} FROM PUBLIC`);
}

export async function withSuperuser<T>(server: DatabaseServer, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    host: LOCAL_HOST,
    port: server.port,
    user: 'postgres',
    password: server.superuserPassword,
    database: 'postgres',
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

export function databaseUrl(role: ServiceName, password: string, port: number, database: string): string {
  return `postgres://${role}:${password}@${LOCAL_HOST}:${port}/${database}`;
}
