import { createTestFolder, removeTestFolder, sweepTestFolders, TEST_FOLDER_VARIABLE } from './test-folder.ts';
import { startFreshKafka } from './test-kafka.ts';
import { startMesh, type TestMesh } from './test-mesh.ts';
import { startTestServer } from './test-server.ts';

/** The tests' embedded Postgres for a program that is no test, e.g. a benchmark, which may call `createTestDatabase` then. */
type ServerAlone = AsyncDisposable & {
  /** A temporary folder, removed when the server stops. */
  folder: string;
  /** `host:port` of an empty Kafka, where `kafka` was set. */
  broker: string | undefined;
};

type ServerAloneOptions = {
  /** Whether an acknowledged commit survives a power cut, as in the mesh. */
  fsync: boolean;
  /** Starts a Kafka as well, which requires Java 17 and Maven. */
  kafka?: boolean;
};

export async function openServerAlone({ fsync, kafka = false }: ServerAloneOptions): Promise<ServerAlone> {
  await sweepTestFolders();
  const folder = createTestFolder();
  await using resources = new AsyncDisposableStack();
  resources.defer(() => removeTestFolder(folder));
  const { environment, stop } = await startTestServer(folder, { fsync, kind: 'embedded' });
  resources.defer(stop);
  Object.assign(process.env, environment);
  const broker = kafka ? await startFreshKafka(folder) : undefined;
  if (broker) resources.defer(broker.stop);
  const owned = resources.move();
  return { folder, broker: broker?.address, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/**
 * A whole mesh for a program that is no test, with new data, which is removed when it stops.
 * @param variables and `checkout` as for `startMesh`
 */
export async function openMeshAlone(variables: NodeJS.ProcessEnv, checkout?: string): Promise<TestMesh> {
  await sweepTestFolders();
  const folder = createTestFolder();
  await using resources = new AsyncDisposableStack();
  resources.defer(() => removeTestFolder(folder));
  process.env[TEST_FOLDER_VARIABLE] = folder;
  const mesh = resources.use(await startMesh(variables, checkout));
  const owned = resources.move();
  return { ...mesh, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
