import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { runScript } from './failure.ts';
import { stopLeftovers } from './leftovers.ts';
import { loadMeshConfig, meshPaths } from './mesh-config.ts';
import { openRunRecord, shortPath } from './run-record.ts';

/** `make clean-data`: removes the data and logs of the mesh, and ends what a killed run may have left on them. */
await runScript(async () => {
  const paths = meshPaths(loadMeshConfig(process.env).directory);
  const record = openRunRecord(paths, 'make clean-data', 0);
  await stopLeftovers(record.leftovers, paths);
  // By name: MESH_DIR may be a folder that holds more than ours.
  const { postgres, pgbouncer, kafka, logs, journal, profiles, secrets } = paths;
  for (const path of [postgres, pgbouncer, kafka, logs, journal, profiles, secrets, paths.record]) {
    rmSync(path, { recursive: true, force: true });
  }
  if (readdirSync(paths.directory).length === 0) rmdirSync(paths.directory);
  console.log(`Data, logs and passwords in ${shortPath(paths.directory)} are removed.`);
  return 0;
});
