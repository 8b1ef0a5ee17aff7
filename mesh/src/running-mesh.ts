import { readFileSync } from 'node:fs';
import type { TlsSource } from 'rpc-kit';
import { OPERATOR, tlsVariables } from './certificates/mesh-certificates.ts';
import { Failure } from './failure.ts';
import { privateKeys } from './identity/identities.ts';
import { loadMeshConfig, type MeshPaths, meshPaths, shortPath } from './mesh-config.ts';
import { readLiveRun } from './mesh-folder/run-record.ts';
import { loadSecrets } from './mesh-folder/secrets.ts';
import { databaseUrl } from './postgres/databases.ts';
import { type PerDatabase, type PerService, perDatabase, type SinkVariables } from './services.ts';

export type RunningMesh = {
  paths: MeshPaths;
  /** The folder of the services' logs. */
  logs: string;
  /** The folder of notifications' journals. */
  journals: string;
  urls: PerService<string>;
  /** The certificate of the operator, where the services talk mutual TLS. */
  tls: TlsSource | undefined;
  /** Direct, not through pgbouncer; each with the role of its service. */
  databaseUrls: PerDatabase<string>;
  /** Passwords and keys, which no log may contain. */
  secrets: string[];
  /** Where notifications delivers to. */
  sinks: SinkVariables;
};

/** The mesh that `make run-all` has started in MESH_DIR, on any ports. */
export function findRunningMesh(environment: NodeJS.ProcessEnv): RunningMesh {
  const { directory } = loadMeshConfig(environment);
  const paths = meshPaths(directory);
  const run = readLiveRun(paths);
  const { urls, postgresPort, sinks = {} } = run ?? {};
  if (urls === undefined || postgresPort === undefined) {
    const here = shortPath(directory);
    const what =
      run === undefined ? `No mesh runs in ${here}` : `In ${here} ${run.runner.name} runs, but no mesh is ready`;
    throw new Failure(
      `${what}: start one with make run-all, in another terminal, or set MESH_DIR to the folder of one that runs.`,
    );
  }
  const { superuser, services, keys } = loadSecrets(paths);
  return {
    paths,
    logs: paths.logs,
    journals: paths.journal,
    urls,
    tls: urls.loms.startsWith('https:') ? readOperatorFiles(paths) : undefined,
    secrets: [superuser, ...Object.values(services), ...Object.values(keys), ...privateKeys(paths)],
    databaseUrls: perDatabase((service) => databaseUrl(service, services[service], postgresPort, service)),
    sinks,
  };
}

function readOperatorFiles(paths: MeshPaths): TlsSource {
  const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE } = tlsVariables(paths, OPERATOR);
  const read = (file: string): string => readFileSync(file, 'utf8');
  const files = { cert: read(TLS_CERT_FILE), key: read(TLS_KEY_FILE), ca: read(TLS_CA_FILE) };
  return () => files;
}
