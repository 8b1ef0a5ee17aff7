import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Query } from 'invariants';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Client, createClient, RpcError, type Service } from 'rpc-kit';
import { type Database, openDatabase } from 'service-kit';
import {
  createTestDatabase,
  queryOn,
  type RanStatement,
  recordStatements,
  rolledBack,
  type TestDatabase,
} from 'testing';
import { runInPool } from 'worker-pool';
import { loms } from '../contract.ts';
import { createApp } from '../src/app.ts';
import type { Context } from '../src/domain/ports.ts';
import { type EventPublisher, type FailedEvent, type OrderEvent, PublisherUnavailable } from '../src/outbox/event.ts';
import { createBacklogReader, createEventQueue } from '../src/outbox/rows.ts';
import { createChangeReader } from '../src/repository/changes.ts';
import { createOrderReader, createOverdueOrders } from '../src/repository/orders.ts';
import { createStockReader } from '../src/repository/stocks.ts';
import { createStore } from '../src/repository/store.ts';
import { assertInvariants } from './invariants.ts';

export type { Query } from 'invariants';

export type LomsClient = Client<typeof loms.methods>;

export interface LomsOptions {
  readonly paymentTimeoutMs?: number;
  readonly poolMax?: number;
  readonly publisher?: EventPublisher;
}

/** One loms, as one process would run it: with a pool, background work and metrics of its own. */
export interface Replica extends AsyncDisposable {
  readonly client: LomsClient;
  readonly service: Service<typeof loms.methods>;
  readonly database: Database;
}

export interface Loms extends Replica {
  /** The replica that the fixture begins with, to be stopped alone. */
  readonly first: Replica;
  /** Another replica on the same database. It is closed with the fixture, if not before. */
  start(options?: LomsOptions): Replica;
  readonly testDatabase: TestDatabase;
  /** Every event that the replicas published, unless they were given a publisher of their own. */
  readonly events: readonly OrderEvent[];
  /** What all replicas have asked of the database, in the order in which it ended. */
  readonly statements: readonly RanStatement[];
  /** Runs SQL beside the replicas. */
  readonly query: Query;
  /** Runs SQL in a transaction of its own, which is rolled back: what the work answers is all that stays. */
  trial<T>(work: (query: Query) => Promise<T>): Promise<T>;
  /** Puts goods of a sku on sale: so many in each warehouse. */
  supply(sku: number, counts: Readonly<Record<string, number | bigint>>): Promise<void>;
  /** `on sale/reserved/sold` of each warehouse of the sku. */
  stocksOf(sku: number): Promise<Record<string, string>>;
  /** How many orders there are of each status. */
  orderCounts(): Promise<Record<string, number>>;
}

/** A database and one replica of loms on it. Use `withLoms` where the invariants are to be checked at the end. */
export async function openLoms(options: LomsOptions = {}): Promise<Loms> {
  await using stack = new AsyncDisposableStack();
  const testDatabase = stack.use(await createTestDatabase('loms'));
  const { url } = testDatabase;
  const beside = stack.use(openPool(url, 10));
  const query = queryOn(beside);
  const events: OrderEvent[] = [];
  const statements: RanStatement[] = [];
  const publisher = options.publisher ?? publisherOfEach(async (event) => void events.push(event));
  const replicas = stack.use(new AsyncDisposableStack());
  const start = (own: LomsOptions = {}): Replica =>
    replicas.use(startReplica(url, { publisher, ...options, ...own }, statements));
  const first = start();
  const resources = stack.move();

  return {
    ...first,
    first,
    start,
    testDatabase,
    events,
    statements,
    query,
    trial: (work) => rolledBack(beside, work),
    async supply(sku, counts) {
      const rows = Object.entries(counts).map(
        ([warehouse, count]) => `(${sku}, ${warehouse}, ${count}, ${count}, ${count})`,
      );
      await query(`INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES ${rows}`);
    },
    async stocksOf(sku) {
      const rows = await query(`SELECT * FROM stocks WHERE sku = ${sku} ORDER BY warehouse_id`);
      return Object.fromEntries(rows.map((row) => [row.warehouse_id, `${row.on_sale}/${row.reserved}/${row.sold}`]));
    },
    async orderCounts() {
      const rows = await query('SELECT status, count(*)::integer FROM orders GROUP BY status ORDER BY status');
      return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The body of a test that has a loms of its own and leaves it with every invariant holding. */
export function withLoms(test: (loms: Loms) => Promise<void>, options: LomsOptions = {}): () => Promise<void> {
  return async () => {
    await using fixture = await openLoms(options);
    await test(fixture);
    await assertInvariants(fixture.query);
  };
}

function startReplica(
  url: string,
  options: LomsOptions & { publisher: EventPublisher },
  statements: RanStatement[],
): Replica {
  const { paymentTimeoutMs = 600_000, poolMax = 10, publisher } = options;
  const pool = openPool(url, poolMax);
  const database = recordStatements(pool, statements);
  const app = createApp({
    openStore: (onEvents) => createStore(database, { paymentTimeoutMs, onEvents }),
    orders: createOrderReader(database),
    stocks: createStockReader(database),
    changes: createChangeReader(database),
    overdue: createOverdueOrders(database),
    paymentTimeoutMs,
    queue: createEventQueue(database),
    backlog: createBacklogReader(database),
    publisher,
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
  });
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await app[Symbol.asyncDispose]();
    await pool[Symbol.asyncDispose]();
  };
  return {
    service: app.service,
    client: createClient(loms, app.service),
    database,
    async [Symbol.asyncDispose]() {
      closed ??= close();
      await closed;
    },
  };
}

/**
 * A publisher by a function for each event: of an order one after the other, until one fails, and of a batch all orders side by side.
 */
export function publisherOfEach(publish: (event: OrderEvent, context: Context) => Promise<void>): EventPublisher {
  return {
    async publish(events, context) {
      const publishOrder = async (order: readonly OrderEvent[]): Promise<FailedEvent[]> => {
        for (const event of order) {
          try {
            await publish(event, context);
          } catch (error) {
            if (error instanceof PublisherUnavailable || context.signal.aborted) throw error;
            return [{ event, error }];
          }
        }
        return [];
      };
      const orders = [...Map.groupBy(events, ({ orderID }) => orderID).values()];
      return (await Promise.all(orders.map(publishOrder))).flat();
    },
  };
}

export function openPool(url: string, poolMax: number): Database {
  return openDatabase({ url, poolMax, logger: pino({ level: 'silent' }), registry: new Registry() });
}

const POLL_MS = 10;
/** Below mocha's own limit, which would not say what was waited for. */
const WAIT_MAX_MS = 60_000;

/** Waits, but not for ever, until what is read is as expected. */
export async function eventually<T>(
  what: string,
  read: () => Promise<T> | T,
  expected: (value: T) => boolean,
  waitMaxMs = WAIT_MAX_MS,
): Promise<T> {
  const waitedUntil = performance.now() + waitMaxMs;
  for (;;) {
    const value = await read();
    if (expected(value)) return value;
    if (performance.now() > waitedUntil) throw new Error(`${what}: still not so after ${waitMaxMs} ms`);
    await pause(POLL_MS);
  }
}

/** Waits until every event has been delivered. */
export async function outboxToDrain({ query }: Pick<Loms, 'query'>, waitMaxMs = WAIT_MAX_MS): Promise<void> {
  const undelivered = 'SELECT order_id, seq FROM outbox WHERE delivered_at IS NULL';
  await eventually(
    'every event is delivered',
    () => query(undelivered),
    (rows) => rows.length === 0,
    waitMaxMs,
  );
}

export type Outcome<T> = { readonly ok: T } | { readonly error: unknown };

/** What became of a call: its result, or the error that it failed with. */
export async function outcomeOf<T>(call: Promise<T>): Promise<Outcome<T>> {
  return call.then(
    (ok) => ({ ok }),
    (error: unknown) => ({ error }),
  );
}

/** The codes of failures after which it is not known whether the call took effect. */
const UNKNOWN = new Set(['deadline_exceeded', 'unavailable']);

/** Calls again, on a slow machine, until it is known what became of the call: for calls that are safe to repeat. */
export async function settle<T>(call: () => Promise<T>): Promise<Outcome<T>> {
  for (;;) {
    const outcome = await outcomeOf(call());
    if ('ok' in outcome || !(outcome.error instanceof RpcError && UNKNOWN.has(outcome.error.code))) return outcome;
  }
}

/** Orders of one unit each, made a few at a time: callers that all queue for the same goods would run out of time. */
export async function createOrders(client: LomsClient, sku: number, count: number): Promise<bigint[]> {
  const create = async (idempotencyKey: string): Promise<bigint> => {
    const order = { user: 1n, items: [{ sku, count: 1 }], idempotencyKey };
    const outcome = await settle(() => client.createOrder(order));
    if ('error' in outcome) throw outcome.error;
    return outcome.ok.orderID;
  };
  return runInPool(
    Array.from({ length: count }, () => randomUUID()),
    create,
    { concurrency: 4 },
  );
}
