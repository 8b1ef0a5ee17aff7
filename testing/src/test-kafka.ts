import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { Failure, LOCAL_HOST, pickFreePorts } from 'mesh';
import { type KafkaBroker, type KafkaBrokerOptions, missingForKafka, spawnKafkaBroker } from 'mesh/kafka';
import { openRunRecord } from 'mesh/mesh-folder';
import { createPart, NEEDS_TEST_SCRIPT, readTestFolder } from './test-folder.ts';

/** The brokers that the tests share, in the variable that services read. */
const VARIABLE = 'KAFKA_BROKERS';

export type TestKafka = { environment: NodeJS.ProcessEnv; stop(): Promise<void> };

/** Why the tests on Kafka cannot run here; undefined where they can. */
export async function missingForKafkaTests(): Promise<string | undefined> {
  return process.env[VARIABLE] ? undefined : missingForKafka();
}

/** The brokers of KAFKA_BROKERS, or else a new broker. */
export async function startTestKafka(folder: string): Promise<TestKafka> {
  const given = process.env[VARIABLE];
  const { address, stop } = given ? { address: given, stop: async () => {} } : await startFreshKafka(folder);
  return { environment: { [VARIABLE]: address }, stop };
}

/** A new broker without topics. */
export async function startFreshKafka(folder: string): Promise<{ address: string; stop(): Promise<void> }> {
  const paths = createPart(folder, 'kafka');
  const record = openRunRecord(paths, 'make test', 0);
  const [port = 0, controllerPort = 0] = await pickFreePorts(2);
  const location = { directory: paths.kafka, logs: paths.logs, port, controllerPort };
  try {
    const broker = await startBroker({ ...location, onSpawn: record.add, onProgress: console.log });
    const stop = async (): Promise<void> => {
      await broker.stop();
      record.close();
    };
    return { address: broker.address, stop };
  } catch (error) {
    record.close();
    throw error;
  }
}

async function startBroker(options: KafkaBrokerOptions): Promise<KafkaBroker> {
  const broker = await spawnKafkaBroker(options);
  try {
    await broker.start();
    return broker;
  } catch (error) {
    await broker.stop();
    throw error;
  }
}

/** The brokers that tests share. They hold topics and groups of other tests, too. */
export function readTestBrokers(): string[] {
  const text = process.env[VARIABLE];
  if (!text) throw new Failure(NEEDS_TEST_SCRIPT);
  return text.split(',');
}

/** Brokers that a test may kill and restart on the same data. */
export type MortalKafka = AsyncDisposable & {
  /** All of them, as KAFKA_BROKERS lists them. */
  addresses: string;
  /** Kills the broker of this index. */
  kill(broker?: number): Promise<void>;
  startAgain(broker?: number): Promise<void>;
};

/** @param count of brokers, each of which replicates every message */
export async function startMortalKafka(count = 1): Promise<MortalKafka> {
  const all = await pickFreePorts(2 * count);
  const [ports, controllerPorts] = [all.slice(0, count), all.slice(count)];
  const parts = ports.map((port) => createPart(readTestFolder(), `kafka-${port}`));
  const brokers: (KafkaBroker | undefined)[] = [];
  const startAgain = async (index = 0): Promise<void> => {
    const [part, port, controllerPort] = [parts[index], ports[index], controllerPorts[index]];
    if (!part || !port || !controllerPort)
      throw new Error(`There is no broker ${index}: the last one is ${count - 1}.`);
    const cluster = { nodeID: index + 1, controllerPorts };
    const broker = await spawnKafkaBroker({ directory: part.kafka, logs: part.logs, port, controllerPort, cluster });
    brokers[index] = broker;
    await broker.start();
  };
  const stopAll = async (): Promise<void> => {
    await Promise.all(brokers.map((broker) => broker?.stop()));
  };
  // All at once: none is ready before most of them have found each other.
  await Promise.all(ports.map((_, index) => startAgain(index))).catch(async (error) => {
    await stopAll();
    throw error;
  });
  return {
    addresses: ports.map((port) => `${LOCAL_HOST}:${port}`).join(','),
    async kill(index = 0) {
      await brokers[index]?.kill();
    },
    startAgain,
    [Symbol.asyncDispose]: stopAll,
  };
}

/** A broker with TLS and authentication. */
export type SecuredKafka = AsyncDisposable & {
  address: string;
  /** Without TLS and authentication, for administration. */
  plainAddress: string;
  /** The issuer of its certificate, in PEM. */
  caFile: string;
  user: { name: string; password: string };
};

export async function startSecuredKafka(): Promise<SecuredKafka> {
  const [port = 0, controllerPort = 0, securedPort = 0] = await pickFreePorts(3);
  const part = createPart(readTestFolder(), `kafka-${port}`);
  const [keystore, caFile, keystorePassword] = [`${part.kafka}.p12`, `${part.kafka}.pem`, randomUUID()];
  const keytool = async (...words: string[]): Promise<void> => {
    await promisify(execFile)('keytool', [...words, '-keystore', keystore, '-storepass', keystorePassword]);
  };
  const names = `SAN=ip:${LOCAL_HOST}`;
  await keytool('-genkeypair', '-alias', 'kafka', '-keyalg', 'EC', '-dname', 'CN=kafka', '-ext', names);
  await keytool('-exportcert', '-rfc', '-alias', 'kafka', '-file', caFile);
  const user = { name: 'mesh', password: randomUUID() };
  const broker = await startBroker({
    directory: part.kafka,
    logs: part.logs,
    port,
    controllerPort,
    secured: { port: securedPort, keystore, keystorePassword, user },
  });
  return {
    address: `${LOCAL_HOST}:${securedPort}`,
    plainAddress: broker.address,
    caFile,
    user,
    [Symbol.asyncDispose]: () => broker.stop(),
  };
}
