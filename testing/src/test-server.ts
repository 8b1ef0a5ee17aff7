import { DATABASES, Failure, type PerDatabase, pickFreePorts } from 'mesh';
import { createSecrets, openRunRecord } from 'mesh/mesh-folder';
import {
  type DatabaseServer,
  findPgbouncer,
  findPostgresBinaries,
  findPostgresUser,
  postgresSettings,
  preparePgbouncer,
  superuserUrl,
  superviseDatabase,
} from 'mesh/postgres';
import { openLogFile } from 'mesh/supervisor';
import { provisionRole, withSuperuser } from 'service-kit/provision';
import { type PostgresContainer, startPostgresContainer, UNASKED_PULL_TIMEOUT_MS } from './postgres-container.ts';
import { createPart, NEEDS_TEST_SCRIPT } from './test-folder.ts';

/** The test server's address and passwords; mocha's process receives them in this environment variable. */
export type TestServer = DatabaseServer & { passwords: PerDatabase<string>; pgbouncerPort?: number };
const VARIABLE = 'TEST_POSTGRES_SERVER';

/** Which Postgres the tests use: a container, the embedded one, or, unset, a container where that is possible. */
const KIND_VARIABLE = 'TEST_POSTGRES';
type PostgresKind = 'container' | 'embedded';

/** Many test files with a pool or two each, also several at once. */
const CONNECTIONS_MAX = 300;

/** @param description of the Postgres and how the tests reach it, in words that follow "tests, on …" */
export type RunningTestServer = { environment: NodeJS.ProcessEnv; description: string; stop(): Promise<void> };

/**
 * One Postgres for all tests of a run, with a pgbouncer in front of it where one is installed and TEST_PGBOUNCER is not off.
 * @param fsync on by default in the mesh, off for tests
 * @param kind of Postgres; unset: a container where that is possible
 */
export async function startTestServer(
  folder: string,
  { fsync = false, kind = readPostgresKind() }: { fsync?: boolean; kind?: PostgresKind } = {},
): Promise<RunningTestServer> {
  const paths = createPart(folder, 'server');
  const record = openRunRecord(paths, 'make test', 0);
  const [secrets, user] = [createSecrets(), findPostgresUser()];
  const settings = postgresSettings(CONNECTIONS_MAX, fsync);
  const [freePort = 0, pgbouncerPort = 0] = await pickFreePorts(2);
  const { container, reason } = await openContainer(kind, secrets.superuser, settings);
  const port = container?.port ?? freePort;
  const program = findTestPgbouncer();
  const server: TestServer = { port, superuserPassword: secrets.superuser, passwords: secrets.services };
  const about = { name: 'tests', like: 'loms', database: '*', port: pgbouncerPort, postgresPort: port } as const;
  const pgbouncer = program && preparePgbouncer(program, paths.pgbouncer, { ...about, users: secrets.services }, user);
  const embedded = async () => ({ ...(await findPostgresBinaries()), ...server, directory: paths.postgres, settings });
  let hasStarted = false;
  const supervision = superviseDatabase({
    ...(container === undefined ? { postgres: await embedded() } : {}),
    pgbouncers: pgbouncer ? [pgbouncer] : [],
    user,
    logFile: openLogFile(paths.logs, 'database'),
    onSpawn: record.add,
    onProgress: (text) => hasStarted && console.error(text),
  });
  void supervision.lost.then((sentence) => console.error(sentence));
  const stop = async () => {
    await supervision.stop();
    await container?.stop();
    record.close();
  };
  try {
    await supervision.start();
    hasStarted = true;
    await withSuperuser(superuserUrl(server), async (client) => {
      for (const service of DATABASES) {
        await provisionRole(client, { name: service, password: server.passwords[service], connectionsMax: -1 });
      }
    });
    if (program !== undefined) server.pgbouncerPort = pgbouncerPort;
    const which = container === undefined ? 'an embedded Postgres' : `a Postgres in a container (${container.image})`;
    const reached = program === undefined ? 'directly, without pgbouncer' : 'through pgbouncer';
    const description = `${which} that is reached ${reached}${reason}`;
    return { environment: { [VARIABLE]: JSON.stringify(server) }, description, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type OpenedContainer = { container?: PostgresContainer; reason: string };

/** A container, or, unless one is required, the reason why there is none. */
async function openContainer(
  kind: PostgresKind | undefined,
  superuserPassword: string,
  settings: Record<string, string>,
): Promise<OpenedContainer> {
  if (kind === 'embedded') return { reason: '' };
  try {
    const limits = kind === undefined ? { pullTimeoutMs: UNASKED_PULL_TIMEOUT_MS } : {};
    return { container: await startPostgresContainer(superuserPassword, settings, limits), reason: '' };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (kind === 'container') {
      throw new Failure(
        `There is no Postgres in a container, because ${error.message}; ${KIND_VARIABLE}=embedded needs no container.`,
      );
    }
    return { reason: `; in no container, because ${error.message}` };
  }
}

/** The pgbouncer of the tests; undefined where none is installed or TEST_PGBOUNCER is off. */
export function findTestPgbouncer(): string | undefined {
  return process.env.TEST_PGBOUNCER === 'off' ? undefined : findPgbouncer();
}

export function readTestServer(): TestServer {
  const text = process.env[VARIABLE];
  if (text !== undefined) return JSON.parse(text);
  throw new Failure(NEEDS_TEST_SCRIPT);
}

function readPostgresKind(): PostgresKind | undefined {
  const kind = process.env[KIND_VARIABLE];
  if (!kind) return undefined;
  if (kind === 'container' || kind === 'embedded') return kind;
  throw new Failure(`${KIND_VARIABLE} is "${kind}": set it to container or embedded, or leave it unset.`);
}
