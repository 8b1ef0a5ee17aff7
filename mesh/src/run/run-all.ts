import { join } from 'node:path';
import { Failure, runScript } from '../failure.ts';
import { type KafkaBroker, spawnKafkaBroker } from '../kafka/kafka-broker.ts';
import { LOCAL_HOST, listPorts, loadMeshConfig, type MeshConfig, type MeshPaths, meshPaths } from '../mesh-config.ts';
import { createMeshFolder, refuseFullDisk } from '../mesh-folder/mesh-folder.ts';
import { openRunRecord, type RunRecord } from '../mesh-folder/run-record.ts';
import { refusePortsInUse } from '../ports.ts';
import { type MeshDatabase, spawnDatabase } from '../postgres/mesh-database.ts';
import { findPgbouncer } from '../postgres/pgbouncer-config.ts';
import { perService, pickSinks, serviceEnvironment } from '../services.ts';
import { describeMesh } from './announcement.ts';
import { Interruption, listenForInterruption } from './interruption.ts';
import { loadCatalogues } from './load-catalogues.ts';
import { migrateServices } from './migrate-services.ts';
import { seconds, step } from './progress.ts';
import { type RunningService, type Services, superviseServices } from './supervise-services.ts';

export type ReadyMessage = { ready: RunningService[] };

/** `make run-all`: runs the whole mesh on this machine until Ctrl-C, and stops it in reverse order. */
async function run(beganAt: number): Promise<number> {
  const interrupted = listenForInterruption();
  const config = loadMeshConfig(process.env);
  const paths = meshPaths(config.directory);
  await using undo = new AsyncDisposableStack();
  /** An interruption ends every wait of the start. */
  const unlessInterrupted = <T>(work: Promise<T>): Promise<T> =>
    Promise.race([work, interrupted.then((interruption) => Promise.reject(interruption))]);

  // Before any file is written, so that a full disk is reported in one sentence.
  createMeshFolder(paths);
  await refuseFullDisk(config.directory);
  const record = openRunRecord(paths, 'make run-all', config.postgresPort);
  undo.defer(() => record.close());
  await unlessInterrupted(checkMachine(config, record));

  const database = await spawnDatabase({ config, paths, record, withPgbouncer: true, say });
  undo.defer(async () => {
    await database.stop();
    // A supervisor that was killed has left its programs running.
    await record.stopLeftovers();
  });
  if (database.pgbouncer === undefined) say('no pgbouncer is installed: the services connect to Postgres directly');
  const bouncers = database.pgbouncer === undefined ? '' : ' and pgbouncer';
  await unlessInterrupted(step(`Postgres${bouncers}`, database.start));
  const kafka = await startKafka(config, paths, record, unlessInterrupted, undo);
  await unlessInterrupted(step('migrations', () => migrateServices(database.directUrls)));

  const services = prepareServices(config, paths, record, database, kafka?.address);
  undo.defer(() => services.stop());
  const stopping = new AbortController();
  undo.defer(() => stopping.abort());
  const broken = Promise.race([database, services, ...(kafka ? [kafka] : [])].map(({ lost }) => lost));
  const unlessBroken = <T>(work: Promise<T>): Promise<T> =>
    unlessInterrupted(Promise.race([work, broken.then((sentence) => Promise.reject(new Failure(sentence)))]));
  const servicesReady = services.start();
  servicesReady.catch(() => {});
  await unlessBroken(step('catalogue', () => loadCatalogues(database.urls, stopping.signal)));
  await unlessBroken(step('services', () => servicesReady));

  console.log(`The mesh is ready after ${seconds(beganAt)}.\n${describeMesh(config, database, kafka?.address)}`);
  // An end-to-end test starts this over IPC and waits for the message.
  process.send?.({ ready: services.list() } satisfies ReadyMessage, () => {});
  await unlessBroken(new Promise<never>(() => {}));
  return 0;
}

/** Starts the mesh's own broker where events go through Kafka. */
async function startKafka(
  config: MeshConfig,
  paths: MeshPaths,
  record: RunRecord,
  unlessInterrupted: <T>(work: Promise<T>) => Promise<T>,
  undo: AsyncDisposableStack,
): Promise<KafkaBroker | undefined> {
  if (config.events !== 'kafka') return undefined;
  const spawning = spawnKafkaBroker({
    directory: paths.kafka,
    logs: paths.logs,
    port: config.kafkaPort,
    controllerPort: config.kafkaPort + 1,
    onSpawn: record.add,
    onProgress: say,
  });
  const broker = await unlessInterrupted(step("Kafka's files", () => spawning));
  undo.defer(() => broker.stop());
  await unlessInterrupted(step('Kafka', broker.start));
  return broker;
}

async function checkMachine(config: MeshConfig, record: RunRecord): Promise<void> {
  const stopped = await record.stopLeftovers();
  if (stopped > 0) say(`stopped ${stopped} ${stopped === 1 ? 'process' : 'processes'} of a run that was killed`);
  await refusePortsInUse(listPorts(config, findPgbouncer() !== undefined), 'make run-all');
}

function prepareServices(
  config: MeshConfig,
  paths: MeshPaths,
  record: RunRecord,
  database: MeshDatabase,
  brokers: string | undefined,
): Services {
  const shared = {
    host: LOCAL_HOST,
    urls: perService((service) => `http://${LOCAL_HOST}:${config.ports[service]}`),
    journalFile: join(paths.journal, 'notifications.jsonl'),
    profileDirectory: paths.profiles,
    brokers,
  };
  const environments = perService((service) => {
    const own = { port: config.ports[service], databaseUrl: database.urls[service] };
    return serviceEnvironment(service, { ...shared, ...own }, process.env);
  });
  record.addServices(config.ports, pickSinks(environments.notifications));
  return superviseServices({
    ports: config.ports,
    environments,
    logDirectory: paths.logs,
    onSpawn: record.add,
    onProgress: say,
  });
}

function say(text: string): void {
  console.log(`  · ${text}`);
}

await runScript(async () => {
  const beganAt = performance.now();
  console.log('Starting the order mesh.');
  try {
    return await run(beganAt);
  } catch (error) {
    if (!(error instanceof Interruption)) throw error;
    console.log(`The mesh is stopped; that took ${seconds(error.at)}.`);
    return 0;
  }
});
