import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DATABASES,
  GRPC_PORT_OFFSET,
  loadCaller,
  type MeshCaller,
  type MeshPaths,
  meshPaths,
  type PerService,
  PROJECT_DIRECTORY,
  perService,
  pickFreePorts,
  SERVICES,
} from 'mesh';
import { type ProcessStamp, readRunRecord } from 'mesh/mesh-folder';
import type { ReadyMessage } from 'mesh/run';
import { createPart, readTestFolder } from './test-folder.ts';

/** A limit against hanging: with Kafka it took 34 s on a machine that was busy sevenfold. */
const READY_TIMEOUT_MS = 180_000;
/** Longer than the 5 s that a mesh may take, so that a test can measure its duration. */
const STOP_TIMEOUT_MS = 15_000;

/** `make run-all` without make. */
export type Runner = AsyncDisposable & {
  pid: number;
  /** Everything it has printed so far. */
  output(): string;
  /** Settles when the mesh is ready; rejects, with what was printed, when the runner ends before. */
  ready: Promise<ReadyMessage['ready']>;
  /** The exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>;
  /** Sends the signal, waits for the end and answers the milliseconds it took. */
  stop(signal?: NodeJS.Signals): Promise<number>;
};

/** @param checkout the folder of the project to run, for example of an earlier commit */
export function spawnRunner(variables: NodeJS.ProcessEnv, checkout = PROJECT_DIRECTORY): Runner {
  const child = spawn(process.execPath, [join(checkout, 'mesh/src/run/run-all.ts')], {
    cwd: checkout,
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let printed = '';
  for (const output of [child.stdout, child.stderr]) output?.on('data', (chunk) => (printed += chunk));
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  const announced = once(child, 'message').then(([message]: ReadyMessage[]) => message?.ready ?? []);
  const fail = (why: string) => Promise.reject(new Error(`${why}\n${printed}`));
  const ready = Promise.race([
    announced,
    ended.then(() => fail('The mesh did not start.')),
    sleep(READY_TIMEOUT_MS, undefined, { ref: false }).then(() => fail('The mesh was not ready in time.')),
  ]);
  ready.catch(() => {});
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    const began = performance.now();
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const gone = await Promise.race([ended, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    if (gone === undefined) throw new Error(`The mesh did not stop within ${STOP_TIMEOUT_MS / 1000} s.\n${printed}`);
    return performance.now() - began;
  };
  return {
    pid: child.pid ?? 0,
    output: () => printed,
    ready,
    ended,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

/** Free ports and a new data folder, as variables for the runner; used again, they start a mesh on the same data. */
export async function chooseSurroundings(): Promise<NodeJS.ProcessEnv> {
  const [postgres, firstPgbouncer, ...others] = await pickFreePorts(
    1 + DATABASES.length + SERVICES.length,
    GRPC_PORT_OFFSET,
  );
  const services = others.slice(-SERVICES.length);
  const names = SERVICES.map((service) => `${service.toUpperCase()}_PORT`);
  return {
    ...Object.fromEntries(names.map((name, index) => [name, String(services[index])])),
    MESH_POSTGRES_PORT: String(postgres),
    MESH_PGBOUNCER_PORT: String(firstPgbouncer),
    MESH_DIR: createPart(readTestFolder(), `mesh-${randomUUID()}`).directory,
    MESH_FSYNC: 'off',
    ACCESS: 'enforce',
  };
}

export type TestMesh = Runner & {
  urls: PerService<string>;
  /** Of the services. */
  pids: PerService<number>;
  paths: MeshPaths;
  /** Proves calls of tests as those of the gateway. */
  caller: MeshCaller;
  /** `startMesh(mesh.variables)` starts a mesh on the same data. */
  variables: NodeJS.ProcessEnv;
  /** The supervisor, Postgres, the pgbouncers and the services. */
  listProcesses(): ProcessStamp[];
};

/**
 * Starts the whole mesh, with ACCESS=enforce, on free ports and with new data, and waits until it is ready. Stop it with `await using`.
 * @param variables for the runner and the services, for example ORDER_PAYMENT_TIMEOUT_MS
 * @param checkout as for `spawnRunner`
 */
export async function startMesh(variables: NodeJS.ProcessEnv = {}, checkout?: string): Promise<TestMesh> {
  const all = variables.MESH_DIR === undefined ? { ...(await chooseSurroundings()), ...variables } : variables;
  const runner = spawnRunner(all, checkout);
  const ready = await runner.ready.catch(async (error) => {
    await runner.stop();
    throw error;
  });
  const find = (name: string) => {
    const service = ready.find((candidate) => candidate.name === name);
    if (service === undefined) throw new Error(`The runner did not start ${name}.`);
    return service;
  };
  const paths = meshPaths(all.MESH_DIR ?? '');
  return {
    ...runner,
    urls: perService((name) => find(name).url),
    pids: perService((name) => find(name).pid),
    paths,
    caller: loadCaller(paths),
    variables: all,
    listProcesses: () => readRunRecord(paths)?.processes ?? [],
  };
}
