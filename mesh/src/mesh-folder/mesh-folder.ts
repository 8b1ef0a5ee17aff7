import { closeSync, existsSync, openSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { createFolder } from 'service-kit/create-folder';
import { Failure } from '../failure.ts';
import { type MeshPaths, shortPath } from '../mesh-config.ts';

/** Everything that a mesh keeps in its folder, besides the marker. */
export function listContents(paths: MeshPaths): string[] {
  const { postgres, pgbouncer, kafka, logs, journal, profiles, secrets, identity, tls, record } = paths;
  // The last two are left by a process that was killed while it replaced the file.
  const files = [secrets, record, `${secrets}.new`, `${record}.new`];
  return [postgres, pgbouncer, kafka, logs, journal, profiles, identity, tls, ...files];
}

/**
 * Creates the folder of a mesh and marks it. MESH_DIR may be any folder, such as a home with `logs` in it: without the mark, a
 * file with one of our names is foreign, and must neither change its owner nor be removed.
 */
export function createMeshFolder(paths: MeshPaths): void {
  createFolderOrRefuse(paths.directory);
  if (existsSync(paths.marker)) return;
  const foreign = listContents(paths).find((path) => existsSync(path));
  if (foreign !== undefined) {
    throw new Failure(
      `${shortPath(foreign)} exists already and is not a mesh's: set MESH_DIR to a folder that is empty or does not exist.`,
    );
  }
  // Empty, so that a full disk can hold it.
  closeSync(openSync(paths.marker, 'w'));
}

function createFolderOrRefuse(directory: string): void {
  try {
    createFolder(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure(
      `${shortPath(directory)} cannot be created (${code}): set MESH_DIR to a folder that can be written.`,
    );
  }
}

/** A fresh cluster takes 40 MiB, and Postgres keeps up to 1 GiB of write-ahead log. */
const FREE_BYTES_MIN = 1024 ** 3;

export async function refuseFullDisk(directory: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= FREE_BYTES_MIN) return;
  const mebibytes = Math.floor(free / 1024 ** 2);
  throw new Failure(
    `Only ${mebibytes} MiB are free where ${shortPath(directory)} lies and Postgres needs 1024: free some space, or set MESH_DIR to a folder on another disk.`,
  );
}
