import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type DatabaseName, isDatabaseName, PROJECT_DIRECTORY } from 'mesh';
import { databaseUrl, superuserUrl } from 'mesh/postgres';
import type pg from 'pg';
import { migrateUp } from 'service-kit/migrations';
import { withSuperuser } from 'service-kit/provision';
import { readTestServer, type TestServer } from './test-server.ts';

export type TestDatabase = AsyncDisposable & {
  /** As a service connects: through pgbouncer in transaction mode where one is installed and TEST_PGBOUNCER is not off. */
  url: string;
  /** Direct, not through pgbouncer, for statements that need a session. */
  directUrl: string;
};

/** Any number that no other advisory lock on this server uses. */
const TEMPLATE_LOCK = 0x74706c;

/**
 * A fresh database with the service's migrations applied, owned by the service's role with its limits, as in the mesh.
 * It is a copy of a template created once per run, so it takes tens of milliseconds. Drop it with `await using`.
 */
export async function createTestDatabase(service: string): Promise<TestDatabase> {
  return createDatabase(service, async (client, server, owner) => {
    await prepareTemplate(client, server, owner);
    return `TEMPLATE ${templateName(owner)}`;
  });
}

/** The same without migrations. */
export async function createEmptyTestDatabase(service: string): Promise<TestDatabase> {
  return createDatabase(service, async () => '');
}

type ChooseTemplate = (client: pg.Client, server: TestServer, owner: DatabaseName) => Promise<string>;

async function createDatabase(service: string, chooseTemplate: ChooseTemplate): Promise<TestDatabase> {
  if (!isDatabaseName(service)) throw new Error(`There is no service called ${service} with a database.`);
  const server = readTestServer();
  const name = `test_${service}_${randomBytes(6).toString('hex')}`;
  await withSuperuser(superuserUrl(server), async (client) => {
    const template = await chooseTemplate(client, server, service);
    await client.query(`CREATE DATABASE ${name} OWNER ${service} ${template}`);
    await client.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${name} FROM PUBLIC`);
  });
  const urlAt = (port: number) => databaseUrl(service, server.passwords[service], port, name);
  return {
    url: urlAt(server.pgbouncerPort ?? server.port),
    directUrl: urlAt(server.port),
    async [Symbol.asyncDispose]() {
      // FORCE, because pgbouncer keeps a few connections open after the test has closed its own.
      await withSuperuser(superuserUrl(server), (client) =>
        client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
      );
    },
  };
}

/** Several test processes may call this at once: the first creates the template, and renames it when it is complete. */
async function prepareTemplate(client: pg.Client, server: TestServer, service: DatabaseName): Promise<void> {
  const template = templateName(service);
  const unfinished = `unfinished_${service}`;
  await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
    if (rowCount !== 0) return;
    await client.query(`DROP DATABASE IF EXISTS ${unfinished}`);
    await client.query(`CREATE DATABASE ${unfinished} OWNER ${service}`);
    await migrateUp({
      databaseUrl: databaseUrl(service, server.passwords[service], server.port, unfinished),
      directory: join(PROJECT_DIRECTORY, 'migrations', service),
    });
    await client.query(`ALTER DATABASE ${unfinished} RENAME TO ${template}`);
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  }
}

function templateName(service: DatabaseName): string {
  return `template_${service}`;
}
