import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import {
  findRunningMesh,
  GRPC_PORT_OFFSET,
  grpcPort,
  identityVariables,
  isDatabaseName,
  LOCAL_HOST,
  loadMeshConfig,
  type PerService,
  PROJECT_DIRECTORY,
  peerUrl,
  perService,
  pickFreePorts,
  type ServiceName,
  serviceEnvironment,
} from 'mesh';
import { loadSecrets } from 'mesh/mesh-folder';
import { findPgbouncer } from 'mesh/postgres';
import { eventually, type TestMesh } from 'testing';

/** One more process of a service, beside those of the mesh: it has the database, the secrets and the keys of the mesh. */
export interface Replica extends AsyncDisposable {
  /** Its HTTP address. */
  readonly url: string;
  /** The address by which services call it, over what carries the calls of the mesh. */
  readonly peerUrl: string;
  /** Where it logs, among the logs of the mesh. */
  readonly log: string;
  /** Starts it again on the same port, and waits until it is ready. */
  start(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGTERM. Resolves when it has ended. */
  stop(): Promise<void>;
}

interface ReplicaOptions {
  /** Addresses of peers other than those of the mesh; several are separated by commas. */
  readonly urls?: Partial<PerService<string>>;
  readonly variables?: NodeJS.ProcessEnv;
}

export async function startReplica(
  mesh: TestMesh,
  service: ServiceName,
  { urls = {}, variables = {} }: ReplicaOptions = {},
): Promise<Replica> {
  const [port = 0] = await pickFreePorts(1, GRPC_PORT_OFFSET);
  const url = `http://${LOCAL_HOST}:${port}`;
  const config = loadMeshConfig({ ...process.env, ...mesh.variables });
  const own = { ...config, ports: { ...config.ports, [service]: port } };
  const log = join(mesh.paths.logs, `${service}-${port}.log`);
  const { keys } = loadSecrets(mesh.paths);
  const surroundings = {
    host: LOCAL_HOST,
    port,
    grpcPort: grpcPort(own, service),
    databaseUrl: isDatabaseName(service) ? pooledUrl(mesh, service) : undefined,
    secret: service === 'accounts' || service === 'gateway' ? keys[service] : undefined,
    access: 'enforce',
    identity: identityVariables(mesh.paths, service),
    urls: { ...perService((name) => peerUrl(config, name)), ...urls },
  } as const;
  const env = serviceEnvironment(service, surroundings, { ...process.env, ...mesh.variables, ...variables });
  let child: ChildProcess | undefined;

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = once(ending, 'exit');
    ending.kill(signal);
    await ended;
  }

  const replica: Replica = {
    url,
    peerUrl: peerUrl(own, service),
    log,
    async start() {
      const output = openSync(log, 'a');
      const started = spawn(process.execPath, [join(PROJECT_DIRECTORY, service, 'src/main.ts')], {
        cwd: PROJECT_DIRECTORY,
        env,
        // It ends with this process: run() stops when the channel closes.
        stdio: ['ignore', output, output, 'ipc'],
      });
      closeSync(output);
      child = started;
      await eventually(`${service} is ready`, async () => {
        if (started.exitCode !== null) throw new Error(`${service} ended with ${started.exitCode}: see ${log}`);
        const answer = await fetch(`${url}/readyz`).catch(() => undefined);
        await answer?.body?.cancel();
        return answer?.ok === true;
      });
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  };
  await replica.start();
  return replica;
}

/** Through pgbouncer, like the services of the mesh. */
function pooledUrl(mesh: TestMesh, service: keyof ReturnType<typeof loadMeshConfig>['pgbouncerPorts']): string {
  const url = findRunningMesh(mesh.variables).databaseUrls[service];
  if (findPgbouncer() === undefined) return url;
  const pooled = new URL(url);
  pooled.port = String(loadMeshConfig(mesh.variables).pgbouncerPorts[service]);
  return pooled.href;
}
