import { provisionDatabase, provisionRole, ROLE_CONNECTIONS_MAX, withSuperuser } from 'service-kit/provision';
import { Failure } from '../failure.ts';
import { LOCAL_HOST } from '../mesh-config.ts';
import { DATABASES, type PerDatabase } from '../services.ts';

export type DatabaseServer = { port: number; superuserPassword: string };

/** Creates one database and one role per service, which may connect to its own database only. Repeated, it changes nothing. */
export async function prepareDatabases(server: DatabaseServer, passwords: PerDatabase<string>): Promise<void> {
  await withSuperuser(superuserUrl(server), async (client) => {
    for (const service of DATABASES) {
      const password = passwords[service];
      await provisionRole(client, { name: service, password, connectionsMax: ROLE_CONNECTIONS_MAX });
      await provisionDatabase(client, service, service);
    }
  }).catch((error: Error) => {
    throw new Failure(`The databases on port ${server.port} cannot be prepared: ${error.message}.`);
  });
}

export function superuserUrl({ port, superuserPassword }: DatabaseServer): string {
  return databaseUrl('postgres', superuserPassword, port, 'postgres');
}

export function databaseUrl(role: string, password: string, port: number, database: string): string {
  return `postgres://${role}:${password}@${LOCAL_HOST}:${port}/${database}`;
}
