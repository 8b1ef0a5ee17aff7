import { Failure, runScript } from '../failure.ts';
import { listKafkaPorts, loadMeshConfig, meshPaths, shortPath } from '../mesh-config.ts';
import { openRunRecord } from '../mesh-folder/run-record.ts';
import { refusePortsInUse } from '../ports.ts';
import { runUntilInterrupted, type Session } from '../run/interruption.ts';
import { startMeshKafka } from './mesh-kafka.ts';

/** `make kafka`: runs one Kafka broker on this machine until Ctrl-C. */
async function run(session: Session): Promise<never> {
  const config = loadMeshConfig(process.env);
  const paths = meshPaths(config.directory);
  // Two brokers must not share their data.
  const record = openRunRecord(paths, 'make kafka', 0);
  session.undo.defer(() => record.close());
  await record.stopLeftovers();
  await refusePortsInUse(listKafkaPorts(config), 'make kafka');
  const { address, lost } = await startMeshKafka({ config, paths, record }, session);
  console.log(`
Kafka is ready: KAFKA_BROKERS=${address}
It is for tests and for services that you start yourself; make run-all EVENTS=kafka starts its own broker.
  KAFKA_BROKERS=${address} make test

Ctrl-C stops it. Data is in ${shortPath(paths.kafka)}.
`);
  throw new Failure(await session.unlessInterrupted(lost));
}

await runScript(() => runUntilInterrupted('Kafka', run));
