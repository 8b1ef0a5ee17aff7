import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCAL_HOST } from '../mesh-config.ts';
import { openLogFile } from '../supervisor/log-files.ts';
import { type Plan, STOP_STEPS } from '../supervisor/plan.ts';
import { spawnSupervisor } from '../supervisor/spawn-supervisor.ts';
import type { Supervision } from '../supervisor/supervise.ts';
import { KAFKA_FILES, provideKafkaJars } from './kafka-jars.ts';

export type KafkaBroker = Supervision & {
  /** As KAFKA_BROKERS wants it. */
  address: string;
  /** Ends the broker as a power cut would. */
  kill(): Promise<void>;
};

export type KafkaBrokerOptions = {
  /** Holds data and configuration; a broker continues with the data of an earlier one. */
  directory: string;
  logs: string;
  port: number;
  controllerPort: number;
  /** For one of several brokers: its number, from 1, and the ports of all controllers in order of their numbers. */
  cluster?: { nodeID: number; controllerPorts: readonly number[] };
  /** One more listener, with TLS and authentication. */
  secured?: SecuredListener;
  onSpawn?(name: string, pid: number): void;
  onProgress?(text: string): void;
};

type SecuredListener = {
  port: number;
  /** PKCS #12, with the broker's key and certificate. */
  keystore: string;
  keystorePassword: string;
  /** The only user, by SCRAM-SHA-512 or PLAIN. */
  user: { name: string; password: string };
};

/** A limit against hanging: Kafka took 35 s on a machine with eight times the load it can bear. */
const READY_TIMEOUT_MS = 180_000;
/** Any identifier, as long as it never changes. */
const CLUSTER_ID = 'b3JkZXItbWVzaC1sb2NhbA';
const JAVA_OPTIONS = ['-Xmx384m', '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** A broker that is its own controller, or takes part in the quorum of its cluster, reachable from this machine only. */
export async function spawnKafkaBroker(options: KafkaBrokerOptions): Promise<KafkaBroker> {
  const { directory, port, onSpawn, onProgress = () => {} } = options;
  const jars = await provideKafkaJars(onProgress);
  let brokerPid = 0;
  const supervision = spawnSupervisor({
    name: 'Kafka supervisor',
    plan: planBroker(options, join(jars, '*')),
    cwd: directory,
    env: process.env,
    logFile: openLogFile(options.logs, 'kafka'),
    onSpawn(name, pid) {
      if (name === 'kafka') brokerPid = pid;
      onSpawn?.(name, pid);
    },
    onProgress,
  });
  return {
    ...supervision,
    address: `${LOCAL_HOST}:${port}`,
    async kill() {
      process.kill(brokerPid, 'SIGKILL');
      await supervision.lost;
    },
  };
}

function planBroker(options: KafkaBrokerOptions, classPath: string): Plan {
  const configFile = writeConfig(options);
  const java = [...JAVA_OPTIONS, `-Dlog4j2.configurationFile=${join(KAFKA_FILES, 'log4j2.properties')}`];
  const launch = (...words: string[]) => ({
    name: 'kafka',
    command: 'java',
    arguments: [...java, '-cp', classPath, ...words],
  });
  const cluster = ['--cluster-id', CLUSTER_ID, '--config', configFile, '--ignore-formatted'];
  const format = launch('kafka.tools.StorageTool', 'format', ...cluster, ...formatWords(options.secured));
  return {
    preparations: [{ ...format, title: "The format of Kafka's storage", stop: STOP_STEPS.preparation }],
    tiers: [
      [
        {
          ...launch('kafka.Kafka', configFile),
          title: 'Kafka',
          stdio: ['ignore', 'pipe', 'inherit'],
          ready: { when: 'line is printed', text: 'Kafka Server started' },
          readyTimeoutMs: READY_TIMEOUT_MS,
          stop: STOP_STEPS.kafka,
        },
      ],
    ],
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
    // A missing topic must show as an error.
    'auto.create.topics.enable': false,
    // As in docker-compose.yml: with several brokers, two hold each acknowledged message.
    'min.insync.replicas': inSyncMin,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSyncMin,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSyncMin,
    // Members of a group start one after the other and need not wait for each other.
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
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // The listeners without authentication may do all; the user may do what no ACL is about.
    'super.users': 'User:ANONYMOUS',
    'allow.everyone.if.no.acl.found': 'true',
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
