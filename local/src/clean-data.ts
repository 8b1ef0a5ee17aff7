import { rmSync } from 'node:fs';
import { runScript } from './failure.ts';
import { stopLeftovers } from './leftovers.ts';
import { loadMeshConfig, meshPaths } from './mesh-config.ts';
import { openRunRecord, shortPath } from './run-record.ts';

/** `make clean-data`: removes the data and logs of the mesh, and ends what a killed run may have left on them. */
await runScript(async () => {
  const paths = meshPaths(loadMeshConfig(process.env).directory);
  const record = openRunRecord(paths, 'make clean-data', 0);
  await stopLeftovers(record.leftovers, paths);
  rmSync(paths.directory, { recursive: true, force: true });
  console.log(`${shortPath(paths.directory)} is removed.`);
  return 0;
});
