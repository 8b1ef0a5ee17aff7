import { hostname } from 'node:os';
import { openService, readKafkaAccess, run } from 'service-kit';
import { notifications } from '../contract.ts';
import { createStoredSink } from './announce.ts';
import { createApp } from './app.ts';
import { notificationsConfig } from './config.ts';
import { startDeliveries } from './deliveries.ts';
import { cacheHistory, countHistoryReads } from './history/cache.ts';
import { createHistory } from './history/history.ts';
import { openJournalFile } from './journal/file.ts';
import { findJournal } from './journal/folder.ts';
import { traceJournal } from './journal/traced-journal.ts';
import { createDeadLetterReader } from './kafka/dead-letters.ts';
import { openEventConsumer } from './kafka/open-consumer.ts';
import { createConsumerStore } from './kafka/store.ts';
import { createDeliveryBacklogReader, createDeliveryQueue, createJournalQueue } from './repository/deliveries.ts';
import { createStore } from './repository/store.ts';
import { configuredSinks } from './sink-names.ts';
import { createWebhook } from './webhook/client.ts';

/** Some hundred bytes each. */
const HISTORY_PAGES_MAX = 2_000;

await run('notifications', async (stopped) => {
  await using service = await openService(notifications, notificationsConfig);
  const { config, logger, registry, database, limit, userAgent } = service;

  const { JOURNAL_FILE, WEBHOOK_URL, WEBHOOK_SECRET, HISTORY_CACHE_MAX_AGE_MS } = config;
  await using journal =
    JOURNAL_FILE === undefined
      ? undefined
      : await openJournalFile(JOURNAL_FILE.replaceAll('%i', `${hostname()}-${config.PORT}`));
  await using target =
    WEBHOOK_URL === undefined
      ? undefined
      : createWebhook({ url: WEBHOOK_URL, secret: WEBHOOK_SECRET, userAgent, registry });
  await using deliveries = startDeliveries({
    journal: journal && {
      journal: traceJournal(journal),
      queue: createJournalQueue(database),
      find: (journalID) => findJournal(journal.path, journalID),
    },
    webhook: target && { target, queue: createDeliveryQueue(database, 'webhook') },
    backlog: createDeliveryBacklogReader(database),
    logger,
    registry,
  });
  const history = cacheHistory(createHistory(database), {
    maxAgeMs: HISTORY_CACHE_MAX_AGE_MS,
    pagesMax: HISTORY_PAGES_MAX,
    onRead: countHistoryReads(registry),
  });

  const sinks = configuredSinks(config);
  const sink = createStoredSink({
    logger,
    registry,
    onStored({ user }) {
      history.forget(user);
      deliveries.wake();
    },
  });
  const app = createApp({
    store: createStore(database, sinks),
    history,
    sink,
    limit,
    logger,
    registry,
  });

  await using _server = await service.serve(app, stopped);
  await using _consumer = await openEventConsumer(readKafkaAccess(config), {
    ports: { store: createConsumerStore(database, sinks), sink },
    letters: createDeadLetterReader(database),
    logger,
    registry,
  });
  await stopped;
});
