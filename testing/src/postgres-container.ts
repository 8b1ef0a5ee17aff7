import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, LOCAL_HOST } from 'mesh';
import { isAlive, type ProcessStamp, stampProcess } from 'mesh/mesh-folder';
import type { ContainerRuntimeClient, StartedTestContainer } from 'testcontainers';

/** As in docker-compose.yml. */
const IMAGE = 'postgres:17';
const PORT = 5432;
/** On every container of a test run: whose it is. */
const LABEL = 'order-mesh.test-run';
/** Limits against hanging: an engine may take connections and never answer. */
const ENGINE_TIMEOUT_MS = 10_000;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
/** 150 MB, from a registry that may be far away. */
const PULL_TIMEOUT_MS = 180_000;
/** Where the tests can do without: about as long as the unit tests take, which run meanwhile. */
export const UNASKED_PULL_TIMEOUT_MS = 45_000;

export type PostgresContainer = { port: number; image: string; stop(): Promise<void> };

/**
 * A Postgres by testcontainers, on any port of this machine. Whatever a killed run has left is removed first: without the
 * clean-up container of testcontainers (ryuk), which is one more image that not everybody can have.
 * @throws {Failure} when there is no engine, or it has not got the image, or it fails: with what goes on after "because"
 */
export async function startPostgresContainer(
  superuserPassword: string,
  settings: Record<string, string>,
  { engineTimeoutMs = ENGINE_TIMEOUT_MS, pullTimeoutMs = PULL_TIMEOUT_MS } = {},
): Promise<PostgresContainer> {
  // Loaded here: most of a second, which whoever needs no container does not pay.
  const { GenericContainer, getContainerRuntimeClient, ImageName, PullPolicy, Wait } = await import('testcontainers');
  const client = await within(engineTimeoutMs, 'no Docker engine answers', getContainerRuntimeClient());
  if (!['localhost', LOCAL_HOST].includes(client.info.containerRuntime.host)) {
    throw new Failure(
      'the Docker engine runs on another machine, or testcontainers thinks so (TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1 tells it that it does not)',
    );
  }
  const image = ImageName.fromString(IMAGE);
  await within(engineTimeoutMs, 'the Docker engine does not list its containers', sweepContainers(client));
  await within(pullTimeoutMs, `the image ${IMAGE} cannot be pulled`, pullOnce(client, image));
  const container = new GenericContainer(IMAGE)
    .withPullPolicy(PullPolicy.neverPull())
    .withAutoCleanup(false)
    .withLabels({ [LABEL]: ownLabel() })
    .withEnvironment({ POSTGRES_PASSWORD: superuserPassword, POSTGRES_INITDB_ARGS: INITDB_ARGUMENTS })
    .withCommand(['postgres', ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])])
    .withExposedPorts(PORT)
    // By TCP: while the image's entrypoint sets the database up, Postgres listens on a socket only.
    .withHealthCheck({
      test: ['CMD', 'pg_isready', '--quiet', '--host=127.0.0.1', '--username=postgres'],
      interval: 250,
      timeout: 5_000,
      retries: START_TIMEOUT_MS / 250,
    })
    .withWaitStrategy(Wait.forHealthCheck())
    .withStartupTimeout(START_TIMEOUT_MS);
  const started = await within(2 * START_TIMEOUT_MS, `the container of ${IMAGE} does not start`, container.start());
  return { port: started.getMappedPort(PORT), image: IMAGE, stop: () => stopContainer(started) };
}

/** The embedded Postgres is made with the same ones; see postgres-cluster.ts. */
const INITDB_ARGUMENTS =
  '--auth=scram-sha-256 --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C --no-sync';

type ImageOf = Parameters<ContainerRuntimeClient['image']['pull']>[0];

async function pullOnce({ image }: ContainerRuntimeClient, name: ImageOf): Promise<void> {
  if (await image.exists(name)) return;
  console.log(`Pulling ${IMAGE} for the tests; TEST_POSTGRES=embedded does without.`);
  await image.pull(name);
  // A pull that fails half way ends like one that succeeds.
  if (!(await image.exists(name))) throw new Error('it is not there');
}

async function stopContainer(container: StartedTestContainer): Promise<void> {
  const stopped = container.stop({ timeout: 0, remove: true, removeVolumes: true });
  // The next run removes what is left.
  await within(STOP_TIMEOUT_MS, 'it does not stop', stopped).catch(() => {});
}

/** Removes the containers of runs that have ended without doing so. */
async function sweepContainers({ container: { dockerode } }: ContainerRuntimeClient): Promise<void> {
  const all = await dockerode.listContainers({ all: true, filters: { label: [LABEL] } });
  const left = all.filter(({ Labels }) => isLeftOver(Labels[LABEL] ?? ''));
  await Promise.all(left.map(({ Id }) => dockerode.getContainer(Id).remove({ force: true, v: true })));
}

type Owner = { host: string; runner: ProcessStamp };

function ownLabel(): string {
  const runner = stampProcess('make test', process.pid);
  if (runner === undefined) throw new Failure('the list of processes cannot be read');
  return JSON.stringify({ host: hostname(), runner } satisfies Owner);
}

/** Of other machines, or containers, that share the engine nobody here can tell who is alive. */
function isLeftOver(label: string): boolean {
  const { host, runner }: Owner = JSON.parse(label);
  return host === hostname() && !isAlive(runner);
}

/** @param what is said of whatever fails or does not end in time */
async function within<T>(timeoutMs: number, what: string, work: Promise<T>): Promise<T> {
  // Should it fail after its time, nobody waits for it any more.
  work.catch(() => {});
  const given = new AbortController();
  const overdue = sleep(timeoutMs, undefined, { signal: given.signal }).then(
    () => Promise.reject(new Failure(`${what} within ${timeoutMs / 1000} s`)),
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([work, overdue]);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${what} (${(error as Error).message.trim()})`);
  } finally {
    given.abort();
  }
}
