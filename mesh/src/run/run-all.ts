import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, runScript } from '../failure.ts';
import { createMeshFolder } from '../folder/mesh-folder.ts';
import { openRunRecord, type RunRecord } from '../folder/run-record.ts';
import { type KafkaBroker, spawnKafkaBroker } from '../kafka/kafka-broker.ts';
import { LOCAL_HOST, listPorts, loadMeshConfig, type MeshConfig, type MeshPaths, meshPaths } from '../mesh-config.ts';
import { type MeshDatabase, spawnDatabase } from '../postgres/mesh-database.ts';
import { findPgbouncer } from '../postgres/pgbouncer-config.ts';
import { perService, pickSinks, SERVICES, type ServiceName, serviceEnvironment } from '../services.ts';
import { describeMesh } from './announcement.ts';
import { refuseFullDisk } from './disk-space.ts';
import { Interruption, listenForInterruption } from './interruption.ts';
import { loadCatalogues } from './load-catalogues.ts';
import { migrateServices } from './migrate-services.ts';
import { refusePortsInUse } from './ports.ts';
import { seconds, step } from './progress.ts';
import { type ServiceProcess, startService } from './service-process.ts';

export type ReadyMessage = { ready: { name: ServiceName; url: string; pid: number }[] };

/** A caller that is slow to stop holds up the others no longer than this; all of it has to be over within 5 s. */
const HEAD_START_MS = 150;

/** `make run-all`: the whole mesh on this machine, until Ctrl-C. Stops in the order opposite to the start. */
async function run(beganAt: number): Promise<number> {
  const interrupted = listenForInterruption();
  const config = loadMeshConfig(process.env);
  const paths = meshPaths(config.directory);
  await using undo = new AsyncDisposableStack();
  /** Every wait of the start ends when somebody wants the run to end. */
  const unlessInterrupted = <T>(work: Promise<T>): Promise<T> =>
    Promise.race([work, interrupted.then((interruption) => Promise.reject(interruption))]);

  // Before anything is written, so that a full disk is told of in these words.
  createMeshFolder(paths);
  await refuseFullDisk(config.directory);
  const record = openRunRecord(paths, 'make run-all', config.postgresPort);
  undo.defer(() => record.close());
  await unlessInterrupted(checkMachine(config, record));

  const database = await spawnDatabase({ config, paths, record, withPgbouncer: true, say });
  undo.defer(async () => {
    await database.keeper.stop();
    // A keeper that was killed has left behind what it owned.
    await record.stopLeftovers();
  });
  if (database.pgbouncer === undefined) say('no pgbouncer is installed: the services connect to Postgres directly');
  const bouncers = database.pgbouncer === undefined ? '' : ' and pgbouncer';
  await unlessInterrupted(step(`Postgres${bouncers}`, database.keeper.start));
  const kafka = await startKafka(config, paths, record, unlessInterrupted, undo);
  await unlessInterrupted(step('migrations', () => migrateServices(database.directUrls)));

  const services = startServices(config, paths, record, database, kafka?.address);
  undo.defer(() => stopServices(services));
  const stopping = new AbortController();
  undo.defer(() => stopping.abort());
  const broken = Promise.race([
    database.keeper.lost,
    ...(kafka ? [kafka.lost] : []),
    ...services.map(({ died }) => died),
  ]);
  const unlessBroken = <T>(work: Promise<T>): Promise<T> =>
    unlessInterrupted(Promise.race([work, broken.then((sentence) => Promise.reject(new Failure(sentence)))]));
  await unlessBroken(step('catalogue', () => loadCatalogues(database.urls, stopping.signal)));
  await unlessBroken(step('services', () => Promise.all(services.map((service) => service.waitUntilReady()))));

  console.log(`The mesh is ready after ${seconds(beganAt)}.\n${describeMesh(config, database, kafka?.address)}`);
  tellStarter(services);
  await unlessBroken(new Promise<never>(() => {}));
  return 0;
}

/** Where events are to travel through Kafka, a broker of the mesh's own. */
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

function startServices(
  config: MeshConfig,
  paths: MeshPaths,
  record: RunRecord,
  database: MeshDatabase,
  brokers: string | undefined,
): ServiceProcess[] {
  const urls = perService((service) => `http://${LOCAL_HOST}:${config.ports[service]}`);
  const journalFile = join(paths.journal, 'notifications.jsonl');
  const environmentOf = (name: ServiceName): NodeJS.ProcessEnv => {
    const surroundings = {
      host: LOCAL_HOST,
      port: config.ports[name],
      databaseUrl: database.urls[name],
      urls,
      journalFile,
      profileDirectory: paths.profiles,
      brokers,
    };
    return serviceEnvironment(name, surroundings, process.env);
  };
  record.addServices(config.ports, pickSinks(environmentOf('notifications')));
  return SERVICES.map((name) => {
    const port = config.ports[name];
    return startService({
      name,
      port,
      environment: environmentOf(name),
      logDirectory: paths.logs,
      onSpawn: record.add,
    });
  });
}

/** Who calls stops before who is called, so that no request meets a service that is gone already. */
async function stopServices(services: ServiceProcess[]): Promise<void> {
  const stopping: Promise<void>[] = [];
  for (const service of services.toReversed()) {
    const stopped = service.stop();
    stopping.push(stopped);
    await Promise.race([stopped, sleep(HEAD_START_MS)]);
  }
  await Promise.all(stopping);
}

/** An end-to-end test starts this over IPC and waits for the word. */
function tellStarter(services: ServiceProcess[]): void {
  const ready: ReadyMessage['ready'] = services.map(({ name, url, pid }) => ({ name, url, pid }));
  process.send?.({ ready }, () => {});
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
