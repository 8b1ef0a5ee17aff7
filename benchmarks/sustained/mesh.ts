import { join } from 'node:path';
import { pickFreePorts } from 'mesh';
import { loadSecrets } from 'mesh/mesh-folder';
import { superuserUrl } from 'mesh/postgres';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Database, openDatabase } from 'service-kit';
import { openMeshAlone, type TestMesh } from 'testing';
import { supplyText } from '../loms/scenario.ts';

export type Way = 'rpc' | 'kafka';

export interface SustainedMesh extends AsyncDisposable {
  readonly mesh: TestMesh;
  /** That of loms, as the superuser: the CPU time of its statements is that of no service. */
  readonly database: Database;
  readonly journal: string;
  /** The ids of the live processes with this name. */
  pidsOf(name: string): number[];
}

/**
 * The whole mesh as `make run-all` starts it: durable, with its pgbouncers, on new data.
 * @param checkout the folder of the project to run, for example of an earlier commit
 */
export async function openSustainedMesh(way: Way, checkout?: string): Promise<SustainedMesh> {
  await using resources = new AsyncDisposableStack();
  // Kafka's controller listens on the next port.
  const [kafkaPort = 0] = await pickFreePorts(2);
  const variables = { EVENTS: way, MESH_FSYNC: 'on', ACCESS: 'open', MESH_KAFKA_PORT: String(kafkaPort) };
  const mesh = resources.use(await openMeshAlone(variables, checkout));
  const server = {
    port: Number(mesh.variables.MESH_POSTGRES_PORT),
    superuserPassword: loadSecrets(mesh.paths).superuser,
  };
  const url = new URL(superuserUrl(server));
  url.pathname = 'loms';
  const database = resources.use(
    openDatabase({ url: url.href, poolMax: 1, logger: pino({ level: 'silent' }), registry: new Registry() }),
  );
  await database.query(supplyText());
  const owned = resources.move();
  return {
    mesh,
    database,
    journal: join(mesh.paths.journal, 'notifications.jsonl'),
    pidsOf: (name) => mesh.listProcesses().flatMap((stamp) => (stamp.name === name ? [stamp.pid] : [])),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
