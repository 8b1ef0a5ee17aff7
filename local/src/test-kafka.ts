import { Failure } from './failure.ts';
import { type KafkaBroker, spawnKafkaBroker } from './kafka-broker.ts';
import { missingForKafka } from './kafka-jars.ts';
import { pickFreePorts } from './ports.ts';
import { openRunRecord } from './run-record.ts';
import { createPart, NEEDS_TEST_SCRIPT, readTestFolder } from './test-folder.ts';

/** Names the brokers that the tests share, as it does for services. */
const VARIABLE = 'KAFKA_BROKERS';

export type TestKafka = { environment: NodeJS.ProcessEnv; stop(): Promise<void> };

/** Why the tests on Kafka cannot run here; undefined where they can. */
export async function missingForKafkaTests(): Promise<string | undefined> {
  return process.env[VARIABLE] ? undefined : missingForKafka();
}

/** The brokers of KAFKA_BROKERS, or else one of the run's own. */
export async function startTestKafka(folder: string): Promise<TestKafka> {
  const given = process.env[VARIABLE];
  if (given) return { environment: { [VARIABLE]: given }, stop: async () => {} };
  const paths = createPart(folder, 'kafka');
  const record = openRunRecord(paths, 'make test', 0);
  const [port = 0, controllerPort = 0] = await pickFreePorts(2);
  const broker = await spawnKafkaBroker({
    directory: paths.kafka,
    logs: paths.logs,
    port,
    controllerPort,
    onSpawn: record.add,
    onProgress: console.log,
  });
  const stop = async (): Promise<void> => {
    await broker.stop();
    record.close();
  };
  try {
    await broker.start();
    return { environment: { [VARIABLE]: broker.address }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** For tests: the brokers that they share. Topics and groups of other tests are on them, too. */
export function readTestBrokers(): string[] {
  const text = process.env[VARIABLE];
  if (!text) throw new Failure(NEEDS_TEST_SCRIPT);
  return text.split(',');
}

/** A broker that a test may kill and start again on the same data. */
export type MortalBroker = AsyncDisposable & {
  address: string;
  kill(): Promise<void>;
  startAgain(): Promise<void>;
};

export async function startMortalBroker(): Promise<MortalBroker> {
  const [port = 0, controllerPort = 0] = await pickFreePorts(2);
  const { kafka, logs } = createPart(readTestFolder(), `kafka-${port}`);
  let broker: KafkaBroker;
  const startAgain = async (): Promise<void> => {
    broker = await spawnKafkaBroker({ directory: kafka, logs, port, controllerPort });
    await broker.start();
  };
  await startAgain();
  return {
    address: `127.0.0.1:${port}`,
    kill: () => broker.kill(),
    startAgain,
    [Symbol.asyncDispose]: () => broker.stop(),
  };
}
