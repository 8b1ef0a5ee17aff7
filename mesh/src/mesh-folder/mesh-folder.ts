import { closeSync, existsSync, openSync } from 'node:fs';
import { createFolder } from 'service-kit/create-folder';
import { Failure } from '../failure.ts';
import { type MeshPaths, shortPath } from '../mesh-config.ts';

/** Everything that a mesh keeps in its folder, besides the marker. */
export function listContents(paths: MeshPaths): string[] {
  const { postgres, pgbouncer, kafka, logs, journal, profiles, secrets, record } = paths;
  return [postgres, pgbouncer, kafka, logs, journal, profiles, secrets, record, `${record}.new`];
}

/**
 * Makes the folder of a mesh and marks it as one. MESH_DIR may be any folder, the project's own or a home with `logs` in
 * it: what bears one of our names and lies in a folder without the mark is somebody else's, and is neither given to
 * another user nor removed.
 */
export function createMeshFolder(paths: MeshPaths): void {
  createFolderOrRefuse(paths.directory);
  if (existsSync(paths.marker)) return;
  const foreign = listContents(paths).find((path) => existsSync(path));
  if (foreign !== undefined) {
    throw new Failure(
      `${shortPath(foreign)} is there already and is not a mesh's: set MESH_DIR to a folder that is empty or not there yet.`,
    );
  }
  // Empty, so that it finds room on a full disk.
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
