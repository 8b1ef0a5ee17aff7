import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, QueryResultRow } from 'pg';
import type { Logger } from 'pino';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { isLostRace } from './database-errors.ts';
import type { LeasedConnection } from './leased-connection.ts';
import { CONNECTION_TIMEOUT_MS, type Leases, openLeases } from './leases.ts';
import { pg } from './postgres.ts';
import { isMissingStatement } from './prepared-statements.ts';
import type { Statement } from './statement.ts';
import { inStatementSpan } from './statement-spans.ts';
import { beginTransaction } from './transaction.ts';

export interface DatabaseOptions {
  readonly url: string;
  readonly poolMax: number;
  readonly logger: Logger;
  readonly registry: Registry;
}

export interface StatementOptions {
  /** It is the last one of its transaction, which commits in the same message: no further statement may follow. */
  readonly isLast?: boolean | undefined;
}

/** Runs statements: on the pool, or in one transaction. */
export interface Executor {
  /**
   * Statements of a transaction that start in the same turn travel in one message, for one round trip. If one fails, all fail.
   *
   * @param name identifies the statement in metrics and traces; holds no values
   * @throws {DatabaseUnavailable} or pg's DatabaseError
   */
  run<Row extends QueryResultRow>(name: string, statement: Statement, options?: StatementOptions): Promise<Row[]>;
}

/** Scope of a call. When the signal aborts, at the deadline or because the caller left, its statement is cancelled. */
export interface CallScope extends StatementOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Waits for a connection ahead of calls. For background work: it has few statements at a time, and each of them serves many calls,
   * which would otherwise keep it waiting exactly when there is most to do.
   */
  readonly isBackground?: boolean | undefined;
}

export interface Database extends Executor, AsyncDisposable {
  /** Runs the statement on any connection of the pool, in a transaction of its own. */
  run<Row extends QueryResultRow>(name: string, statement: Statement, scope?: CallScope): Promise<Row[]>;
  /**
   * Runs the work in one transaction on one connection: committed when it resolves, rolled back when it rejects.
   * A serialization failure or deadlock (40001, 40P01) is retried a few times, so the work must have no effects outside
   * the transaction, and must make no remote call.
   */
  transaction<T>(work: (executor: Executor) => Promise<T>, scope?: CallScope): Promise<T>;
  /** Rejects if the database does not answer. */
  ping(): Promise<void>;
  /** For tools with their own SQL text, such as the check for pending migrations. */
  query(text: string): Promise<QueryResultRow[]>;
}

/** Below pgbouncer's own limit for idle clients, which would break connections while a statement is sent. */
const IDLE_TIMEOUT_MS = 30_000;
const ATTEMPTS_MAX = 4;
/** With jitter, so that two conflicting transactions do not retry at the same time. */
const BACKOFF_BASE_MS = 10;

const parsers: Record<number, (text: string) => unknown> = {
  [pg.types.builtins.INT8]: BigInt,
  // The schema uses numeric for whole numbers only: counts up to uint64.
  [pg.types.builtins.NUMERIC]: BigInt,
  [pg.types.builtins.TIMESTAMPTZ]: parseTime,
};

const LEAP_DAY_OF_YEAR_0 = /^0001-02-29 .* BC$/;
const DAY_MS = 86_400_000;

/** The driver first reads the year 0 as 1900, which had no leap day, and is a day late. */
function parseTime(text: string): Date {
  const time: Date = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ)(text);
  return LEAP_DAY_OF_YEAR_0.test(text) ? new Date(time.getTime() - DAY_MS) : time;
}

export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolMax,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    types: {
      getTypeParser: ((oid: number, format?: 'text') => parsers[oid] ?? pg.types.getTypeParser(oid, format)) as never,
    },
  });
  const { logger } = options;
  // Without a listener, a broken idle connection ends the process.
  pool.on('error', (error: Error & { client?: unknown }) => {
    // pg-pool adds it: hundreds of lines in the log.
    delete error.client;
    logger.warn({ err: error }, 'an idle database connection broke');
  });
  const lease = openLeases(pool, options.poolMax, logger);
  const { seconds, cancelled, wait } = instruments(options, pool, lease);

  const takeConnection = async ({ signal, isBackground }: CallScope): Promise<LeasedConnection> => {
    const done = wait.startTimer();
    try {
      return await lease.take(signal, isBackground);
    } finally {
      done();
    }
  };

  /** Times a statement, and gives it a span. */
  const observe = async <T>(name: string, { signal }: CallScope, run: () => Promise<T>): Promise<T> => {
    const done = seconds.startTimer({ query: name });
    try {
      return await inStatementSpan(name, run);
    } catch (error) {
      if (signal?.aborted && error === signal.reason) cancelled.inc({ query: name });
      throw error;
    } finally {
      const tookSeconds = done();
      if (logger.isLevelEnabled('debug'))
        logger.debug({ query: name, ms: Math.round(tookSeconds * 1e4) / 10 }, 'statement');
    }
  };

  const once = async <T>(work: (executor: Executor) => Promise<T>, scope: CallScope): Promise<T> => {
    const connection = await takeConnection(scope);
    try {
      const transaction = beginTransaction(connection, () => seconds.startTimer({ query: 'BEGIN' }));
      const result = await work({
        run: (name, statement, options) =>
          observe(name, scope, () => transaction.run(statement, options)) as Promise<never>,
      });
      if (transaction.state !== 'open') return result;
      scope.signal?.throwIfAborted();
      const done = seconds.startTimer({ query: 'COMMIT' });
      await inStatementSpan('COMMIT', () => connection.commit()).finally(done);
      return result;
    } catch (error) {
      await connection.rollback();
      throw error;
    } finally {
      connection.release();
    }
  };

  const alone = async <T>(work: (on: LeasedConnection) => Promise<T>, scope: CallScope = {}): Promise<T> => {
    const connection = await takeConnection(scope);
    try {
      return await work(connection);
    } finally {
      connection.release();
    }
  };

  const repeatedly = async <T>(run: () => Promise<T>, isToRepeat: (error: unknown) => boolean): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await run();
      } catch (error) {
        if (attempt >= ATTEMPTS_MAX || !isToRepeat(error)) throw error;
        if (!isMissingStatement(error)) await sleep(Math.random() * BACKOFF_BASE_MS * 2 ** attempt);
      }
    }
  };

  const single = (on: LeasedConnection, name: string, statement: Statement, scope: CallScope) =>
    observe(name, scope, async () => {
      const part = statement.toParam();
      // Without parameters it may be several statements.
      if (part.values.length === 0) return (await on.query(part.text)).rows;
      const [rows] = await on.send([part]);
      return rows as QueryResultRow[];
    });

  return {
    run: (name, statement, scope = {}) =>
      repeatedly(() => alone((on) => single(on, name, statement, scope), scope), isMissingStatement) as Promise<never>,
    transaction: (work, scope = {}) =>
      repeatedly(
        () => once(work, scope),
        (error) => isMissingStatement(error) || isLostRace(error),
      ),
    async ping() {
      await alone((connection) => connection.query('SELECT 1'));
    },
    async query(text) {
      return (await alone((connection) => connection.query(text))).rows;
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
    },
  };
}

/** The database for background work: all its statements wait for a connection ahead of calls. */
export function inBackground(database: Database): Database {
  return {
    ...database,
    run: (name, statement, scope) => database.run(name, statement, { ...scope, isBackground: true }),
    transaction: (work, scope) => database.transaction(work, { ...scope, isBackground: true }),
  };
}

/** Seconds: from a cached page to the longest allowed statement. */
const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

function instruments({ registry, poolMax }: DatabaseOptions, pool: Pool, lease: Leases) {
  new Gauge({
    name: 'db_pool_connections',
    help: 'Connections to the database, by state; waiting counts callers without one.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      this.set({ state: 'idle' }, pool.idleCount);
      this.set({ state: 'busy' }, pool.totalCount - pool.idleCount);
      this.set({ state: 'waiting' }, lease.waiting);
    },
  });
  new Gauge({
    name: 'db_pool_connections_max',
    help: 'Connections that the process may have to the database.',
    registers: [registry],
  }).set(poolMax);
  const cancelled = new Counter({
    name: 'db_statements_cancelled_total',
    help: 'Statements cancelled because their caller left, by name.',
    labelNames: ['query'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'db_query_duration_seconds',
    help: 'How long statements took, by name. Statements that travel in one message share its time; BEGIN is measured by itself.',
    labelNames: ['query'],
    buckets: DURATION_BUCKETS,
    registers: [registry],
  });
  const wait = new Histogram({
    name: 'db_pool_wait_seconds',
    help: 'How long callers waited for a connection, including callers that got none.',
    buckets: DURATION_BUCKETS,
    registers: [registry],
  });
  return { seconds, cancelled, wait };
}
