import { rmdirSync, rmSync } from 'node:fs';
import { runScript } from '../failure.ts';
import { loadMeshConfig, meshPaths, shortPath } from '../mesh-config.ts';
import { listContents } from '../mesh-folder/mesh-folder.ts';
import { openRunRecord } from '../mesh-folder/run-record.ts';

/** `make clean-data`: removes the data and logs of the mesh, and ends what a killed run may have left on them. */
await runScript(async () => {
  const paths = meshPaths(loadMeshConfig(process.env).directory);
  const record = openRunRecord(paths, 'make clean-data', 0);
  await record.stopLeftovers();
  // By name: MESH_DIR may be a folder that holds more than ours.
  for (const path of [...listContents(paths), paths.marker]) rmSync(path, { recursive: true, force: true });
  removeIfEmpty(paths.directory);
  console.log(`Data, logs and passwords in ${shortPath(paths.directory)} are removed.`);
  return 0;
});

/** It stays where it holds more than ours, is a mount point, or lies in a folder that this user may not change. */
function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // All that was ours is gone, and that is what was asked for.
  }
}
