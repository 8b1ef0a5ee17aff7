import {
  Failure,
  findRunningMesh,
  isServiceName,
  loadMeshConfig,
  type MeshPaths,
  meshPaths,
  SERVICES,
  type ServiceName,
} from 'mesh';
import { isAlive, type ProcessStamp, readLiveRun, refuseOutOfReach } from 'mesh/mesh-folder';

export type RunningService = { name: ServiceName; process: ProcessStamp; paths: MeshPaths };

/** The process of SERVICE in the running mesh. */
export function findRunningService(environment: NodeJS.ProcessEnv, example: string): RunningService {
  const name = environment.SERVICE ?? '';
  if (!isServiceName(name)) {
    const what = name === '' ? 'SERVICE is not set' : `There is no service "${name}"`;
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
