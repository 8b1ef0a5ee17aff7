export { createFolder } from 'service-kit/create-folder';
export { describeFailure, Failure, runScript } from './failure.ts';
export { findProgram } from './find-program.ts';
export { IDENTITIES, identityVariables, loadCaller, type MeshCaller, replaceFile } from './identity/identities.ts';
export {
  DEFAULT_PORTS,
  GRPC_PORT_OFFSET,
  grpcPort,
  LOCAL_HOST,
  loadMeshConfig,
  type MeshPaths,
  meshPaths,
  PROJECT_DIRECTORY,
  peerUrl,
  shortPath,
} from './mesh-config.ts';
export { pickFreePorts, refusePortsInUse, waitForPort } from './ports.ts';
export { findRunningMesh, type RunningMesh } from './running-mesh.ts';
export {
  DATABASES,
  type DatabaseName,
  DEFAULT_PRODUCTS_TOKEN,
  isDatabaseName,
  isServiceName,
  type PerDatabase,
  type PerService,
  perDatabase,
  perService,
  SERVICES,
  type ServiceName,
  serviceEnvironment,
} from './services.ts';
export { textTable } from './text-table.ts';
