import type { MeshConfig, MeshPaths } from '../mesh-config.ts';
import type { RunRecord } from '../mesh-folder/run-record.ts';
import type { Session } from '../run/interruption.ts';
import { say, step } from '../run/progress.ts';
import { type KafkaBroker, spawnKafkaBroker } from './kafka-broker.ts';

type MeshKafkaOptions = { config: MeshConfig; paths: MeshPaths; record: RunRecord };

/** Starts the broker of a mesh's folder, which stops with the session. */
export async function startMeshKafka(
  { config: { kafkaPort }, paths, record }: MeshKafkaOptions,
  { undo, unlessInterrupted }: Session,
): Promise<KafkaBroker> {
  const ports = { port: kafkaPort, controllerPort: kafkaPort + 1 };
  const folders = { directory: paths.kafka, logs: paths.logs };
  const spawning = spawnKafkaBroker({ ...folders, ...ports, onSpawn: record.add, onProgress: say });
  const broker = await unlessInterrupted(step("Kafka's files", () => spawning));
  undo.defer(() => broker.stop());
  await unlessInterrupted(step('Kafka', broker.start));
  return broker;
}
