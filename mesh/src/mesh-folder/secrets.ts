import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { type MeshPaths, shortPath } from '../mesh-config.ts';
import { type PerService, perService } from '../services.ts';

export type Secrets = { superuser: string; services: PerService<string> };

/** The passwords of this folder's Postgres: generated once, in a file that only the user who called make can read. */
export function loadSecrets(paths: MeshPaths): Secrets {
  if (existsSync(paths.secrets)) return readSecrets(paths);
  if (existsSync(join(paths.postgres, 'data'))) refuse(paths, 'is missing');
  const secrets = createSecrets();
  const unfinished = `${paths.secrets}.new`;
  writeFileSync(unfinished, `${JSON.stringify(secrets, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, paths.secrets);
  return secrets;
}

/** Hexadecimal, so that a password needs no quoting in a URL, in SQL or in pgbouncer's user list. */
export function createSecrets(): Secrets {
  const password = () => randomBytes(24).toString('hex');
  return { superuser: password(), services: perService(password) };
}

function readSecrets(paths: MeshPaths): Secrets {
  try {
    return JSON.parse(readFileSync(paths.secrets, 'utf8'));
  } catch {
    return refuse(paths, 'cannot be read');
  }
}

function refuse(paths: MeshPaths, what: string): never {
  throw new Failure(
    `${shortPath(paths.secrets)} ${what}, and without its passwords the database cannot be opened: restore the file, or remove all data with make clean-data.`,
  );
}
