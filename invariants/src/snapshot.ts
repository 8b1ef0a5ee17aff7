import pg from 'pg';

export type Row = Record<string, unknown>;

/** Runs SQL. 64-bit integers and numerics come as bigints. */
export type Query = (text: string, values?: unknown[]) => Promise<Row[]>;

/** Y2 ignores sessions of this name. */
export const APPLICATION_NAME = 'check-invariants';

/** The roles limit a statement to 5 s, which suits services; a check reads whole tables. */
const STATEMENT_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5_000;

const parsers: Record<number, (text: string) => unknown> = {
  [pg.types.builtins.INT8]: BigInt,
  // All numerics are whole numbers: counts up to uint64, and sums.
  [pg.types.builtins.NUMERIC]: BigInt,
};

/** A database that cannot be reached; the message says why. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}

/** A read-only view of one moment of a database. */
export interface Snapshot extends AsyncDisposable {
  readonly query: Query;
}

/** The moment is that of the caller's first query. Works through pgbouncer in transaction mode. */
export async function openSnapshot(url: string): Promise<Snapshot> {
  const client = await connect(url);
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    for (const limit of ['transaction_timeout', 'idle_in_transaction_session_timeout']) {
      await client.query(`SET LOCAL ${limit} = 0`);
    }
    await client.query(`SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
  } catch (error) {
    await client.end();
    throw error;
  }
  return {
    query: async (text, values) => (await client.query(text, values)).rows,
    async [Symbol.asyncDispose]() {
      await client.query('ROLLBACK').catch(() => {});
      await client.end();
    },
  };
}

/** A connection whose 64-bit integers and numerics are bigints. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: APPLICATION_NAME,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types: {
      getTypeParser: ((oid: number, format?: 'text') => parsers[oid] ?? pg.types.getTypeParser(oid, format)) as never,
    },
  });
  // A lost connection rejects the running query; without a listener, the event would also end this process.
  client.on('error', () => {});
  await client.connect().catch((error: NodeJS.ErrnoException) => {
    throw new SourceError(error.message || String(error.code), { cause: error });
  });
  return client;
}

export interface DatabaseUrls {
  readonly loms?: string | undefined;
  readonly checkout?: string | undefined;
  readonly notifications?: string | undefined;
  readonly products?: string | undefined;
  readonly accounts?: string | undefined;
}

export interface OpenSources extends AsyncDisposable {
  readonly sources: Readonly<Record<keyof DatabaseUrls, Query | undefined>>;
}

/** A snapshot of each database. Rejects when one of them cannot be reached. */
export async function openSources(urls: DatabaseUrls): Promise<OpenSources> {
  const { loms, checkout, notifications, products, accounts } = urls;
  await using opening = new AsyncDisposableStack();
  const open = async (url?: string) => (url === undefined ? undefined : opening.use(await openSnapshot(url)).query);
  const sources = {
    loms: await open(loms),
    checkout: await open(checkout),
    notifications: await open(notifications),
    products: await open(products),
    accounts: await open(accounts),
  };
  const opened = opening.move();
  return { sources, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
