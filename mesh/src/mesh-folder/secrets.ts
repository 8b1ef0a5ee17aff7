import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { type MeshPaths, shortPath } from '../mesh-config.ts';
import { type PerDatabase, perDatabase } from '../services.ts';

export type Secrets = {
  superuser: string;
  /** The password of each service's role in Postgres. */
  services: PerDatabase<string>;
  /** ACCOUNTS_SECRET and GATEWAY_SECRET: the services derive their keys from them. */
  keys: { accounts: string; gateway: string };
};

/**
 * The passwords and keys of this folder: generated once, in a file that only the user who called make can read. A folder of
 * an earlier version gets those that it lacks.
 */
export function loadSecrets(paths: MeshPaths): Secrets {
  const known = existsSync(paths.secrets) ? readSecrets(paths) : undefined;
  if (known === undefined && existsSync(join(paths.postgres, 'data'))) refuse(paths, 'is missing');
  const secrets = createSecrets(known);
  const text = `${JSON.stringify(secrets, undefined, 2)}\n`;
  if (text === `${JSON.stringify(known, undefined, 2)}\n`) return secrets;
  const unfinished = `${paths.secrets}.new`;
  writeFileSync(unfinished, text, { mode: 0o600 });
  renameSync(unfinished, paths.secrets);
  return secrets;
}

/** Hexadecimal, so that a password needs no quoting in a URL, in SQL or in pgbouncer's user list. */
export function createSecrets(known: Partial<Secrets> = {}): Secrets {
  const generate = () => randomBytes(24).toString('hex');
  return {
    superuser: known.superuser ?? generate(),
    services: { ...perDatabase(generate), ...known.services },
    keys: { accounts: generate(), gateway: generate(), ...known.keys },
  };
}

function readSecrets(paths: MeshPaths): Partial<Secrets> {
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
