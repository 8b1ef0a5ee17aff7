import { fileURLToPath } from 'node:url';
import { adaptiveLimit, serveHttp } from 'rpc-kit';
import {
  announce,
  createLogger,
  createOperationJournal,
  createRegistry,
  databaseReadiness,
  loadConfig,
  openDatabase,
  run,
  serveProfiles,
  startForgetting,
  startTracing,
  switchLogLevelOnSignal,
} from 'service-kit';
import { loms } from '../contract.ts';
import { createApp } from './app.ts';
import { lomsConfig } from './config.ts';
import { observeAwaitingPayment } from './order-metrics.ts';
import { openEventSink } from './peer/event-sink.ts';
import { createAwaitingReader } from './repository/awaiting.ts';
import { createOrderReader, createOverdueOrders } from './repository/orders.ts';
import { createBacklogReader, createEventQueue } from './repository/outbox.ts';
import { startOutboxCleaning } from './repository/outbox-cleaning.ts';
import { createStockReader } from './repository/stocks.ts';
import { createStore } from './repository/store.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations/loms', import.meta.url));

await run('loms', async (stopped) => {
  const config = loadConfig(lomsConfig);
  const logger = createLogger('loms', config.LOG_LEVEL);
  using _switching = switchLogLevelOnSignal(logger);
  await using _profiles = await serveProfiles({ service: 'loms', directory: config.PROFILE_DIR, logger });
  const registry = createRegistry('loms');
  await using _tracing = await startTracing('loms', loms.version, config, logger);
  await using database = openDatabase({
    url: config.DATABASE_URL,
    poolMax: config.DATABASE_POOL_MAX,
    logger,
    registry,
  });
  await using sink = await openEventSink(config, logger, registry);
  await using _forgetting = startForgetting(database, config.OPERATIONS_KEPT_DAYS, logger, registry);
  await using _cleaning = startOutboxCleaning(database, config.OUTBOX_KEPT_HOURS, logger, registry);

  observeAwaitingPayment(registry, logger, createAwaitingReader(database));

  const paymentTimeoutMs = config.ORDER_PAYMENT_TIMEOUT_MS;
  const limit = adaptiveLimit();
  await using app = createApp({
    openStore: (openHandover) => createStore(database, { paymentTimeoutMs, openHandover }),
    orders: createOrderReader(database),
    stocks: createStockReader(database),
    overdue: createOverdueOrders(database),
    queue: createEventQueue(database),
    backlog: createBacklogReader(database),
    sink,
    journal: createOperationJournal(database),
    limit,
    logger,
    registry,
  });

  const readiness = databaseReadiness(database, MIGRATIONS);
  await using server = await serveHttp(app.service, {
    host: config.HOST,
    port: config.PORT,
    allowedHosts: config.ALLOWED_HOSTS,
    allowedOrigins: config.ALLOWED_ORIGINS,
    logger,
    registry,
    readiness,
    admission: limit,
  });
  announce(logger, server.url, lomsConfig, config, stopped);
  await stopped;
});
