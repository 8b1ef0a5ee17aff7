import { createTestFolder, removeTestFolder, sweepTestFolders } from './test-folder.ts';
import { startFreshKafka } from './test-kafka.ts';
import { startTestServer } from './test-server.ts';

/** The embedded Postgres as tests have it, for a program that is no test, e.g. a benchmark. Afterwards `createTestDatabase` works. */
export type ServerAlone = AsyncDisposable & {
  /** A folder of its own that goes when the server stops. */
  folder: string;
  /** `host:port` of a Kafka with nothing on it, where one was asked for. */
  broker: string | undefined;
};

export type ServerAloneOptions = {
  /** Whether an acknowledged commit survives a power cut, as in the mesh. */
  fsync: boolean;
  /** Whether there is a Kafka of its own beside the Postgres. It needs Java 17 and Maven. */
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
