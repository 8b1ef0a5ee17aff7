import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeIdentities } from './identity-secrets.ts';

/**
 * The first container of docker-compose.yml: generates passwords and keys once, each into the volumes of the containers that need it.
 * So no image, environment of a container, or file of the project contains one.
 *
 * `renew` generates new ones for the services; call `docker compose up --wait --force-recreate` afterwards.
 */
const SECRETS = '/secrets';
/** Of the mesh, the image contains this folder only, so the list of `services.ts` is out of reach. */
const DATABASES = ['accounts', 'checkout', 'loms', 'notifications', 'products'];
/** The services that need the product service's token. */
const TOKEN_HOLDERS = new Set(['checkout', 'products']);
/** Where pgbouncer and Postgres listen in their containers. */
const PGBOUNCER_PORT = 6432;
const POSTGRES_PORT = 5432;

const token = process.env.PRODUCTS_TOKEN;
if (!token) throw new Error('PRODUCTS_TOKEN is not set');
const renew = process.argv[2] === 'renew';

for (const service of DATABASES) {
  // Postgres and the migrations mount this folder,
  const ofDatabase = join(SECRETS, `${service}-database`);
  // and the service and its pgbouncer mount that one.
  const ofService = join(SECRETS, service);
  const superuser = readOrMake(join(ofDatabase, 'superuser'));
  const password = readOrMake(join(ofDatabase, 'password'), renew);
  const url = (host: string) => `postgres://${service}:${password}@${host}/${service}`;
  const postgres = `postgres-${service}:${POSTGRES_PORT}`;
  write(join(ofDatabase, 'migrations.env'), [
    `DATABASE_URL=${url(postgres)}`,
    `SUPERUSER_DATABASE_URL=postgres://postgres:${superuser}@${postgres}/postgres`,
  ]);
  write(join(ofService, 'users'), [`"${service}" "${password}"`]);
  write(join(ofService, 'service.env'), [
    `DATABASE_URL=${url(`pgbouncer-${service}:${PGBOUNCER_PORT}`)}`,
    ...(TOKEN_HOLDERS.has(service) ? [`PRODUCTS_TOKEN=${token}`] : []),
    // `renew` keeps it: another one would end every session.
    ...(service === 'accounts' ? [`ACCOUNTS_SECRET=${readOrMake(join(ofService, 'key'))}`] : []),
  ]);
}
const gateway = join(SECRETS, 'gateway');
write(join(gateway, 'service.env'), [`GATEWAY_SECRET=${readOrMake(join(gateway, 'key'), renew)}`]);
const folders = new Map([...DATABASES, 'gateway'].map((name) => [name, join(SECRETS, name)]));
await writeIdentities(folders, renew, write);
console.log(renew ? 'The services have new passwords and keys.' : 'Every service has its passwords and its key.');

/** Hexadecimal, so that a password needs no quoting in a URL, in SQL or in pgbouncer's user list. */
function readOrMake(path: string, anew = false): string {
  if (!anew && existsSync(path)) return readFileSync(path, 'utf8').trim();
  const made = randomBytes(24).toString('hex');
  write(path, [made]);
  return made;
}

/** Readable by all users, because those of the images differ: only the containers that need it mount the volume. */
function write(path: string, lines: readonly string[]): void {
  writeFileSync(`${path}.new`, `${lines.join('\n')}\n`, { mode: 0o444 });
  renameSync(`${path}.new`, path);
}
