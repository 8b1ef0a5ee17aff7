import { notifications } from 'notifications/contract.ts';
import { serveHttp } from 'rpc-kit';
import { httpMetrics } from 'rpc-kit/metrics';
import { createLogger, createRegistry, type Database, openDatabase, openPeer, startBackground } from 'service-kit';
import type { RunningService } from 'testing';
import { createApp } from '../src/app.ts';
import { forgetDeliveredEvents } from '../src/outbox/cleaning.ts';
import type { EventPublisher } from '../src/outbox/event.ts';
import { createBacklogReader, createEventQueue } from '../src/outbox/rows.ts';
import { createRpcPublisher } from '../src/outbox/rpc-publisher.ts';
import { createChangeReader } from '../src/repository/changes.ts';
import { createOrderReader, createOverdueOrders } from '../src/repository/orders.ts';
import { createStockReader } from '../src/repository/stocks.ts';
import { createStore } from '../src/repository/store.ts';

export interface LomsOptions {
  readonly port?: number;
  readonly databaseUrl: string;
  readonly notificationsUrl: string;
  /** Left out, a day. */
  readonly eventsKeptMs?: number;
}

/** What a test may put around loms's parts. */
export interface LomsDecorators {
  readonly database?: (database: Database) => Database;
  readonly publisher?: (publisher: EventPublisher) => EventPublisher;
}

const POOL_MAX = 10;
const PAYMENT_TIMEOUT_MS = 600_000;
const DAY_MS = 86_400_000;
/** In service it is looked for old events once a minute. */
const FORGET_IDLE_MS = 200;

/** loms as its main.ts puts it together, over HTTP, in this process. */
export async function startLoms(options: LomsOptions, decorators: LomsDecorators = {}): Promise<RunningService> {
  await using resources = new AsyncDisposableStack();
  const logger = createLogger('loms', 'silent');
  const registry = createRegistry('loms');
  const pool = resources.use(openDatabase({ url: options.databaseUrl, poolMax: POOL_MAX, logger, registry }));
  const urls = [options.notificationsUrl];
  const peer = resources.use(openPeer(notifications, { urls, userAgent: 'loms/tests', registry, logger }));
  const database = decorators.database?.(pool) ?? pool;
  const publisher = createRpcPublisher(peer.client, logger);
  const app = resources.use(
    createApp({
      openStore: (onEvents) => createStore(database, { paymentTimeoutMs: PAYMENT_TIMEOUT_MS, onEvents }),
      orders: createOrderReader(database),
      stocks: createStockReader(database),
      changes: createChangeReader(database),
      overdue: createOverdueOrders(database),
      paymentTimeoutMs: PAYMENT_TIMEOUT_MS,
      queue: createEventQueue(database),
      backlog: createBacklogReader(database),
      publisher: decorators.publisher?.(publisher) ?? publisher,
      logger,
      registry,
    }),
  );
  resources.use(
    startBackground({
      name: 'forget delivered events',
      logger,
      idleMs: FORGET_IDLE_MS,
      round: (signal) => forgetDeliveredEvents(database, options.eventsKeptMs ?? DAY_MS, signal),
    }),
  );
  const server = await serveHttp(app.service, {
    host: '127.0.0.1',
    port: options.port ?? 0,
    logger,
    metrics: httpMetrics(registry),
  });
  resources.defer(() => server.close(0));
  const owned = resources.move();
  return { url: server.url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
