import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The first container of docker-compose.yml: makes the passwords, once, each into the volumes of those who may know it.
 * So none is in the image, in the environment of a container, or in a file of the project.
 *
 * `renew` gives the services new ones; afterwards `docker compose up --wait --force-recreate`.
 */
const SECRETS = '/secrets';
const SERVICES = ['checkout', 'loms', 'notifications', 'products'];
/** The two ends of the product service's token. */
const TOKEN_HOLDERS = new Set(['checkout', 'products']);
/** Where pgbouncer and Postgres listen in their containers. */
const PGBOUNCER_PORT = 6432;
const POSTGRES_PORT = 5432;

const token = process.env.PRODUCTS_TOKEN;
if (!token) throw new Error('PRODUCTS_TOKEN is not set');
const renew = process.argv[2] === 'renew';

for (const service of SERVICES) {
  // Postgres and the migrations see this folder,
  const ofDatabase = join(SECRETS, `${service}-database`);
  // and the service and its pgbouncer that one.
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
  ]);
}
console.log(renew ? 'The services have new passwords.' : 'Every service has its passwords.');

/** Hexadecimal, so that a password needs no quoting in a URL, in SQL or in pgbouncer's user list. */
function readOrMake(path: string, anew = false): string {
  if (!anew && existsSync(path)) return readFileSync(path, 'utf8').trim();
  const made = randomBytes(24).toString('hex');
  write(path, [made]);
  return made;
}

/** Readable by all, because the users of the images differ: who sees the volume may read it, and nobody else has it. */
function write(path: string, lines: readonly string[]): void {
  writeFileSync(`${path}.new`, `${lines.join('\n')}\n`, { mode: 0o444 });
  renameSync(`${path}.new`, path);
}
