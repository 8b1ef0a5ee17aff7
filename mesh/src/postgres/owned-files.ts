import { execFileSync } from 'node:child_process';
import { chownSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { shortPath } from '../mesh-config.ts';
import type { PostgresUser } from './postgres-user.ts';

/** Creates a folder for the user that Postgres runs as; one that has another owner is given to that user. */
export function createFolderFor(directory: string, { ids }: PostgresUser): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const owner = ids?.uid ?? process.getuid?.();
  const paths = [directory, ...readdirOrRefuse(directory)];
  if (paths.every((path) => lstatSync(path).uid === owner)) return;
  if (ids === undefined) refuse(directory);
  // An ordinary user called make here before, or the Postgres user was added anew with another number.
  execFileSync('chown', ['-R', `${ids.uid}:${ids.gid}`, directory], { stdio: 'ignore' });
}

/** Writes a file that only that user can read. */
export function writeFileFor(file: string, content: string, { ids }: PostgresUser): void {
  writeFileSync(file, content, { mode: 0o600 });
  if (ids !== undefined) chownSync(file, ids.uid, ids.gid);
}

function readdirOrRefuse(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return refuse(directory);
  }
}

function refuse(directory: string): never {
  throw new Failure(
    `${shortPath(directory)} belongs to another user: call make as that user, or set MESH_DIR to a folder of your own.`,
  );
}
