import { rmdirSync, rmSync } from 'node:fs';
import { runScript } from '../failure.ts';
import { loadMeshConfig, meshPaths, shortPath } from '../mesh-config.ts';
import { listContents } from '../mesh-folder/mesh-folder.ts';
import { openRunRecord } from '../mesh-folder/run-record.ts';

/** `make clean-data`: stops the processes of a killed run, and removes the data and logs of the mesh. */
await runScript(async () => {
  const paths = meshPaths(loadMeshConfig(process.env).directory);
  const record = openRunRecord(paths, 'make clean-data', 0);
  await record.stopLeftovers();
  // By name: MESH_DIR may contain foreign files.
  for (const path of [...listContents(paths), paths.marker]) rmSync(path, { recursive: true, force: true });
  removeIfEmpty(paths.directory);
  console.log(`Data, logs and passwords in ${shortPath(paths.directory)} are removed.`);
  return 0;
});

/** The folder stays where it has foreign files, is a mount point, or its parent is not writable. */
function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Its contents are removed, which is enough.
  }
}
