import { join } from 'node:path';
import { tlsVariables, trustCertificates } from '../certificates/mesh-certificates.ts';
import { Failure, runScript } from '../failure.ts';
import { createIdentities, identityVariables } from '../identity/identities.ts';
import { startMeshKafka } from '../kafka/mesh-kafka.ts';
import {
  grpcPort,
  LOCAL_HOST,
  listPorts,
  loadMeshConfig,
  type MeshConfig,
  type MeshPaths,
  meshPaths,
  peerUrl,
  serviceUrl,
} from '../mesh-config.ts';
import { createMeshFolder, refuseFullDisk } from '../mesh-folder/mesh-folder.ts';
import { openRunRecord, type RunRecord } from '../mesh-folder/run-record.ts';
import { loadSecrets } from '../mesh-folder/secrets.ts';
import { refusePortsInUse } from '../ports.ts';
import { type MeshDatabase, spawnDatabase } from '../postgres/mesh-database.ts';
import { findPgbouncer } from '../postgres/pgbouncer-config.ts';
import { isDatabaseName, perService, pickSinks, serviceEnvironment } from '../services.ts';
import { describeMesh } from './announcement.ts';
import { runUntilInterrupted, type Session } from './interruption.ts';
import { loadCatalogues } from './load-catalogues.ts';
import { migrateServices } from './migrate-services.ts';
import { say, seconds, step } from './progress.ts';
import { type RunningService, type Services, superviseServices } from './supervise-services.ts';

export type ReadyMessage = { ready: RunningService[] };

type Mesh = { config: MeshConfig; paths: MeshPaths; record: RunRecord };

/** `make run-all`: runs the whole mesh on this machine until Ctrl-C, and stops it in reverse order. */
async function run(session: Session, beganAt: number): Promise<never> {
  const mesh = await openMesh(session);
  const { config } = mesh;
  const database = await startDatabase(mesh, session);
  const kafka = config.events === 'kafka' ? await startMeshKafka(mesh, session) : undefined;
  await session.unlessInterrupted(step('migrations', () => migrateServices(database.directUrls)));

  await createIdentities(mesh.paths);
  const services = prepareServices(mesh, database, kafka?.address);
  session.undo.defer(() => services.stop());
  const loading = new AbortController();
  session.undo.defer(() => loading.abort());
  const lost = Promise.race([database, services, ...(kafka ? [kafka] : [])].map((supervision) => supervision.lost));
  const failed = lost.then((sentence) => Promise.reject(new Failure(sentence)));
  const unlessFailed = <T>(work: Promise<T>) => session.unlessInterrupted(Promise.race([work, failed]));
  const servicesReady = services.start();
  servicesReady.catch(() => {});
  await unlessFailed(step('catalogue', () => loadCatalogues(database.urls, loading.signal)));
  await unlessFailed(step('services', () => servicesReady));

  console.log(`The mesh is ready after ${seconds(beganAt)}.\n${describeMesh(config, database, kafka?.address)}`);
  // An end-to-end test starts this over IPC and waits for the message.
  process.send?.({ ready: services.list() } satisfies ReadyMessage, () => {});
  return unlessFailed(new Promise<never>(() => {}));
}

async function openMesh({ undo, unlessInterrupted }: Session): Promise<Mesh> {
  const config = loadMeshConfig(process.env);
  const paths = meshPaths(config.directory);
  // Before any other file is written, so that a full disk is reported in one sentence.
  createMeshFolder(paths);
  await refuseFullDisk(config.directory);
  const record = openRunRecord(paths, 'make run-all', config.postgresPort);
  undo.defer(() => record.close());
  const stopped = await unlessInterrupted(record.stopLeftovers());
  if (stopped > 0) say(`stopped ${stopped} ${stopped === 1 ? 'process' : 'processes'} of a run that was killed`);
  await unlessInterrupted(refusePortsInUse(listPorts(config, findPgbouncer() !== undefined), 'make run-all'));
  return { config, paths, record };
}

async function startDatabase(mesh: Mesh, { undo, unlessInterrupted }: Session): Promise<MeshDatabase> {
  const database = await spawnDatabase({ ...mesh, withPgbouncer: true, say });
  undo.defer(async () => {
    await database.stop();
    // A supervisor that was killed has left its programs running.
    await mesh.record.stopLeftovers();
  });
  if (database.pgbouncer === undefined) say('no pgbouncer is installed: the services connect to Postgres directly');
  const title = database.pgbouncer === undefined ? 'Postgres' : 'Postgres and pgbouncer';
  await unlessInterrupted(step(title, database.start));
  return database;
}

function prepareServices(
  { config, paths, record }: Mesh,
  database: MeshDatabase,
  brokers: string | undefined,
): Services {
  const secrets = loadSecrets(paths);
  const urls = perService((service) => serviceUrl(config, service));
  if (config.tls) trustCertificates(paths);
  const shared = {
    host: LOCAL_HOST,
    urls: perService((service) => peerUrl(config, service)),
    journalFile: join(paths.journal, 'notifications.jsonl'),
    profileDirectory: paths.profiles,
    brokers,
    access: config.access,
  };
  const environments = perService((service) => {
    const databaseUrl = isDatabaseName(service) ? database.urls[service] : undefined;
    const secret = service === 'accounts' || service === 'gateway' ? secrets.keys[service] : undefined;
    const identity = identityVariables(paths, service);
    const ports = { port: config.ports[service], grpcPort: grpcPort(config, service) };
    const own = { ...ports, databaseUrl, secret, identity };
    const given = config.tls ? { ...process.env, ...tlsVariables(paths, service) } : process.env;
    return serviceEnvironment(service, { ...shared, ...own }, given);
  });
  record.addServices(urls, pickSinks(environments.notifications));
  return superviseServices({
    urls,
    environments,
    logDirectory: paths.logs,
    onSpawn: record.add,
    onProgress: say,
  });
}

await runScript(() => {
  const beganAt = performance.now();
  console.log('Starting the order mesh.');
  return runUntilInterrupted('The mesh', (session) => run(session, beganAt));
});
