import { Failure, runScript } from '../failure.ts';
import { listKafkaPorts, loadMeshConfig, meshPaths, shortPath } from '../mesh-config.ts';
import { openRunRecord } from '../mesh-folder/run-record.ts';
import { refusePortsInUse } from '../ports.ts';
import { Interruption, listenForInterruption } from '../run/interruption.ts';
import { seconds, step } from '../run/progress.ts';
import { spawnKafkaBroker } from './kafka-broker.ts';

/** `make kafka`: one Kafka broker on this machine, until Ctrl-C. */
async function run(): Promise<number> {
  const interrupted = listenForInterruption();
  const config = loadMeshConfig(process.env);
  const paths = meshPaths(config.directory);
  await using undo = new AsyncDisposableStack();
  // Two brokers must not share their data.
  const record = openRunRecord(paths, 'make kafka', 0);
  undo.defer(() => record.close());
  await record.stopLeftovers();
  await refusePortsInUse(listKafkaPorts(config), 'make kafka');
  const say = (text: string): void => console.log(`  · ${text}`);
  const ports = { port: config.kafkaPort, controllerPort: config.kafkaPort + 1 };
  const spawning = spawnKafkaBroker({
    directory: paths.kafka,
    logs: paths.logs,
    ...ports,
    onSpawn: record.add,
    onProgress: say,
  });
  const unlessInterrupted = <T>(work: Promise<T>): Promise<T> =>
    Promise.race([work, interrupted.then((interruption) => Promise.reject(interruption))]);
  const broker = await unlessInterrupted(step("Kafka's files", () => spawning));
  undo.defer(() => broker.stop());
  await unlessInterrupted(step('Kafka', broker.start));
  console.log(`
Kafka is ready: KAFKA_BROKERS=${broker.address}
It is for tests and for services that you start yourself; make run-all EVENTS=kafka starts its own broker.
  KAFKA_BROKERS=${broker.address} make test

Ctrl-C stops it. Data is in ${shortPath(paths.kafka)}.
`);
  throw new Failure(await unlessInterrupted(broker.lost));
}

await runScript(async () => {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Interruption)) throw error;
    console.log(`Kafka is stopped; that took ${seconds(error.at)}.`);
    return 0;
  }
});
