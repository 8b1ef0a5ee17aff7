import { Failure } from './failure.ts';
import { loadMeshConfig, type MeshPaths, meshPaths } from './mesh-config.ts';
import { isAlive, type ProcessStamp } from './process-stamp.ts';
import { readLiveRun, refuseOutOfReach } from './run-record.ts';
import { findRunningMesh } from './running-mesh.ts';
import { isServiceName, SERVICES, type ServiceName } from './services.ts';

export type RunningService = { name: ServiceName; process: ProcessStamp; paths: MeshPaths };

/** The process of SERVICE in the running mesh. */
export function findRunningService(environment: NodeJS.ProcessEnv, example: string): RunningService {
  const name = environment.SERVICE ?? '';
  if (!isServiceName(name)) {
    const what = name === '' ? 'Say which service' : `There is no service "${name}"`;
    throw new Failure(
      `${what}: ${example} (or ${SERVICES.filter((service) => !example.includes(service)).join(', ')}).`,
    );
  }
  findRunningMesh(environment);
  const paths = meshPaths(loadMeshConfig(environment).directory);
  const run = readLiveRun(paths);
  if (run !== undefined) refuseOutOfReach(run, paths);
  const process = run?.processes.find((stamp) => stamp.name === name && isAlive(stamp));
  if (process === undefined) throw new Failure(`${name} does not run: start the mesh again with make run-all.`);
  return { name, process, paths };
}
