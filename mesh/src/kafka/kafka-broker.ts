import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import { LOCAL_HOST, shortPath } from '../mesh-config.ts';
import { awaitEnd } from '../supervisor/child-end.ts';
import { openLogFile, readLastComplaint } from '../supervisor/log-files.ts';
import { KAFKA_FILES, provideKafkaJars } from './kafka-jars.ts';
import type { FromKafkaKeeper, KafkaTask } from './kafka-keeper.ts';

export type KafkaBroker = {
  /** As KAFKA_BROKERS wants it. */
  address: string;
  /** Settles when it takes messages. */
  start(): Promise<void>;
  /** Settles with a sentence when it is gone although nobody asked it to go. */
  lost: Promise<string>;
  stop(): Promise<void>;
  /** Ends the broker as a power cut would. */
  kill(): Promise<void>;
};

export type KafkaBrokerOptions = {
  /** Holds data and configuration; what lies there from before is taken up again. */
  directory: string;
  logs: string;
  port: number;
  controllerPort: number;
  /** Where it is one of several: which of them, from 1, and the ports of their controllers in this order. */
  cluster?: { nodeID: number; controllerPorts: readonly number[] };
  /** One more listener, by TLS and for those who prove who they are. */
  secured?: SecuredListener;
  onSpawn?(name: string, pid: number): void;
  onProgress?(text: string): void;
};

export type SecuredListener = {
  port: number;
  /** PKCS #12, with the broker's key and certificate. */
  keystore: string;
  keystorePassword: string;
  /** The only one who is let in, by SCRAM-SHA-512 or PLAIN. */
  user: { name: string; password: string };
};

/** A limit against hanging: two JVMs, one of which formats the storage, took 35 s on a machine that was busy eightfold. */
const READY_TIMEOUT_MS = 180_000;
/** The keeper kills a broker that takes longer than its own limit. */
const STOP_TIMEOUT_MS = 4_000;
/** Any will do, as long as it stays the same. */
const CLUSTER_ID = 'b3JkZXItbWVzaC1sb2NhbA';
const JAVA_OPTIONS = ['-Xmx384m', '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** A broker that is its own controller, or takes part in the quorum of its cluster, reachable from this machine only. */
export async function spawnKafkaBroker(options: KafkaBrokerOptions): Promise<KafkaBroker> {
  const { directory, port, onSpawn, onProgress = () => {} } = options;
  const jars = await provideKafkaJars(onProgress);
  const task: KafkaTask = {
    java: [...JAVA_OPTIONS, `-Dlog4j2.configurationFile=${join(KAFKA_FILES, 'log4j2.properties')}`],
    classPath: join(jars, '*'),
    configFile: writeConfig(options),
    clusterID: CLUSTER_ID,
    format: formatWords(options.secured),
  };
  const logFile = openLogFile(options.logs, 'kafka');
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [join(import.meta.dirname, 'kafka-keeper.ts'), JSON.stringify(task)], {
    // Ctrl-C in the terminal reaches the runner only.
    detached: true,
    cwd: directory,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  if (child.pid !== undefined) onSpawn?.('kafka-keeper', child.pid);

  const ended = awaitEnd(child);
  const ready = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<string>();
  ready.promise.catch(() => {});
  let asked = false;
  let brokerPid: number | undefined;
  child.on('message', (message: FromKafkaKeeper) => {
    if (message.kind === 'ready') return ready.resolve();
    brokerPid = message.pid;
    onSpawn?.('kafka', message.pid);
  });
  void ended.then((how) => {
    const complaint = readLastComplaint(logFile);
    const said = complaint === undefined ? '' : ` Its last complaint: ${complaint}.`;
    const sentence = `Kafka stopped by itself (${how}).${said} Its log is ${shortPath(logFile)}.`;
    ready.reject(new Failure(sentence));
    if (!asked) lost.resolve(sentence);
  });

  return {
    address: `${LOCAL_HOST}:${port}`,
    lost: lost.promise,
    async start() {
      const late = sleep(READY_TIMEOUT_MS, undefined, { ref: false }).then(() => {
        throw new Failure(`Kafka was not ready within ${READY_TIMEOUT_MS / 1000} s: see ${shortPath(logFile)}.`);
      });
      await Promise.race([ready.promise, late]);
    },
    async stop() {
      asked = true;
      child.kill('SIGTERM');
      await Promise.race([ended, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    },
    async kill() {
      asked = true;
      if (brokerPid !== undefined && child.exitCode === null) process.kill(brokerPid, 'SIGKILL');
      await ended;
    },
  };
}

function writeConfig({ directory, port, controllerPort, cluster, secured }: KafkaBrokerOptions): string {
  const { nodeID, controllerPorts } = cluster ?? { nodeID: 1, controllerPorts: [controllerPort] };
  const voters = controllerPorts.map((own, index) => `${index + 1}@${LOCAL_HOST}:${own}`);
  const replicas = controllerPorts.length;
  const inSyncMin = Math.min(replicas, 2);
  const listeners = [
    `PLAINTEXT://${LOCAL_HOST}:${port}`,
    ...(secured ? [`SECURED://${LOCAL_HOST}:${secured.port}`] : []),
    `CONTROLLER://${LOCAL_HOST}:${controllerPort}`,
  ];
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': nodeID,
    'controller.quorum.voters': voters.join(','),
    listeners: listeners.join(','),
    'advertised.listeners': listeners.filter((listener) => !listener.startsWith('CONTROLLER')).join(','),
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL',
    'log.dirs': join(directory, 'data'),
    // A topic that nobody has made is a mistake to be seen.
    'auto.create.topics.enable': false,
    // As in docker-compose.yml: what was acknowledged is on two brokers, where there are several.
    'min.insync.replicas': inSyncMin,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSyncMin,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSyncMin,
    // Members that start one after the other need not wait for each other.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    ...securitySettings(secured),
  };
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'server.properties');
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  return file;
}

const SECURITY = 'org.apache.kafka.common.security';

/** See https://kafka.apache.org/documentation/#security_sasl; SCRAM's passwords are written by the format of the storage. */
function securitySettings(secured: SecuredListener | undefined): Record<string, string> {
  if (!secured) return {};
  const { keystore, keystorePassword, user } = secured;
  return {
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': keystore,
    'ssl.keystore.password': keystorePassword,
    'listener.name.secured.sasl.enabled.mechanisms': 'SCRAM-SHA-512,PLAIN',
    'listener.name.secured.scram-sha-512.sasl.jaas.config': `${SECURITY}.scram.ScramLoginModule required;`,
    'listener.name.secured.plain.sasl.jaas.config': `${SECURITY}.plain.PlainLoginModule required user_${user.name}="${user.password}";`,
  };
}

function formatWords(secured: SecuredListener | undefined): string[] {
  if (!secured) return [];
  const { name, password } = secured.user;
  return ['--add-scram', `SCRAM-SHA-512=[name=${name},password=${password}]`];
}
