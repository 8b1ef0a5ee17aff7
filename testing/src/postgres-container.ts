import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, LOCAL_HOST } from 'mesh';
import { isAlive, type ProcessStamp, stampProcess } from 'mesh/mesh-folder';
import type { ContainerRuntimeClient, StartedTestContainer } from 'testcontainers';

/** As in docker-compose.yml. */
const IMAGE = 'postgres:17';
const PORT = 5432;
/** On every container of a test run: its owner. */
const LABEL = 'order-mesh.test-run';
/** Limits against hanging: an engine may accept connections and never answer. */
const ENGINE_TIMEOUT_MS = 10_000;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
/** 150 MB, from a registry that may be slow. */
const PULL_TIMEOUT_MS = 180_000;
/** Where TEST_POSTGRES is unset: about the duration of the unit tests, which run at the same time. */
export const UNASKED_PULL_TIMEOUT_MS = 45_000;

export type PostgresContainer = { port: number; image: string; stop(): Promise<void> };

/**
 * Starts a Postgres by testcontainers, on any port of this machine. It removes the containers of killed runs itself, since
 * testcontainers' clean-up container (ryuk) is one more image to pull.
 * @throws {Failure} without an engine or image, or when the engine fails: with words that follow "because"
 */
export async function startPostgresContainer(
  superuserPassword: string,
  settings: Record<string, string>,
  { engineTimeoutMs = ENGINE_TIMEOUT_MS, pullTimeoutMs = PULL_TIMEOUT_MS } = {},
): Promise<PostgresContainer> {
  // Loaded here: loading takes most of a second.
  const { GenericContainer, getContainerRuntimeClient, ImageName, PullPolicy, Wait } = await import('testcontainers');
  const client = await within(engineTimeoutMs, 'no Docker engine answers', getContainerRuntimeClient());
  if (!['localhost', LOCAL_HOST].includes(client.info.containerRuntime.host)) {
    throw new Failure(
      'the Docker engine runs on another machine according to testcontainers (TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1 overrides it)',
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
    // By TCP: while the image's entrypoint creates the database, Postgres listens on a Unix socket only.
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

/** As for the embedded Postgres, in mesh/src/postgres/supervise-database.ts. */
const INITDB_ARGUMENTS =
  '--auth=scram-sha-256 --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C --no-sync';

type ImageOf = Parameters<ContainerRuntimeClient['image']['pull']>[0];

async function pullOnce({ image }: ContainerRuntimeClient, name: ImageOf): Promise<void> {
  if (await image.exists(name)) return;
  console.log(`Pulling ${IMAGE} for the tests; TEST_POSTGRES=embedded needs no image.`);
  await image.pull(name);
  // A pull that fails half way ends without an error.
  if (!(await image.exists(name))) throw new Error('the pull was incomplete');
}

async function stopContainer(container: StartedTestContainer): Promise<void> {
  const stopped = container.stop({ timeout: 0, remove: true, removeVolumes: true });
  // The next run removes the container.
  await within(STOP_TIMEOUT_MS, 'it does not stop', stopped).catch(() => {});
}

/** Removes the containers of killed runs. */
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

/** Processes on other machines, or in other containers, that share the engine are invisible here: theirs stay. */
function isLeftOver(label: string): boolean {
  const { host, runner }: Owner = JSON.parse(label);
  return host === hostname() && !isAlive(runner);
}

/** @param what the message that reports a failure or a timeout */
async function within<T>(timeoutMs: number, what: string, work: Promise<T>): Promise<T> {
  // It may fail after the timeout.
  work.catch(() => {});
  const ended = new AbortController();
  const overdue = sleep(timeoutMs, undefined, { signal: ended.signal }).then(
    () => Promise.reject(new Failure(`${what} within ${timeoutMs / 1000} s`)),
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([work, overdue]);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${what} (${(error as Error).message.trim()})`);
  } finally {
    ended.abort();
  }
}
