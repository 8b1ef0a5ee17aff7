import { createOperationJournal, inBackground, openService, run, startForgetting } from 'service-kit';
import { loms } from '../contract.ts';
import { createApp } from './app.ts';
import { lomsConfig } from './config.ts';
import { observeAwaitingPayment } from './order-metrics.ts';
import { startOutboxCleaning } from './outbox/cleaning.ts';
import { openPublisher } from './outbox/open-publisher.ts';
import { createBacklogReader, createEventQueue } from './outbox/rows.ts';
import { createAwaitingReader } from './repository/awaiting.ts';
import { createChangeReader } from './repository/changes.ts';
import { createOrderReader, createOverdueOrders } from './repository/orders.ts';
import { createStockReader } from './repository/stocks.ts';
import { createStore } from './repository/store.ts';

await run('loms', async (stopped) => {
  await using service = await openService(loms, lomsConfig);
  const { config, logger, registry, identity, database, limit, configured } = service;
  await using publisher = await openPublisher(config, service);
  await using _forgetting = startForgetting(database, config.OPERATIONS_KEPT_DAYS, logger, registry);
  await using _cleaning = startOutboxCleaning(database, config.OUTBOX_KEPT_HOURS, logger, registry);

  observeAwaitingPayment(registry, logger, createAwaitingReader(database));

  const paymentTimeoutMs = config.ORDER_PAYMENT_TIMEOUT_MS;
  await using app = createApp({
    openStore: (onEvents) => createStore(database, { paymentTimeoutMs, onEvents }),
    orders: createOrderReader(database),
    stocks: createStockReader(database),
    changes: createChangeReader(database),
    overdue: createOverdueOrders(inBackground(database)),
    paymentTimeoutMs,
    queue: createEventQueue(inBackground(database)),
    backlog: createBacklogReader(database),
    publisher,
    journal: createOperationJournal(database),
    limit,
    configured,
    identity,
    logger,
    registry,
  });

  await using _server = await service.serve(app.service, stopped);
  await stopped;
});
