import { hostname } from 'node:os';
import { inBackground, openService, readKafkaAccess, run } from 'service-kit';
import { notifications } from '../contract.ts';
import { createAnnounce } from './announce.ts';
import { createApp } from './app.ts';
import { configuredTargets, notificationsConfig } from './config.ts';
import { startDeliveries } from './deliveries.ts';
import type { Announce } from './domain/ports.ts';
import { cacheHistory, countHistoryReads } from './history/cache.ts';
import { createHistory } from './history/history.ts';
import { openJournalFile } from './journal/file.ts';
import { findJournal } from './journal/folder.ts';
import { createJournalQueue } from './journal/queue.ts';
import { createDeadLetterReader } from './kafka/dead-letters.ts';
import { createConsumerStore } from './kafka/store.ts';
import { openNotifications } from './repository/notifications.ts';
import { createWebhook } from './webhook/client.ts';
import { createDeliveryQueue } from './webhook/queue.ts';

/** Some 800 bytes each, 16 MB in all. */
const HISTORY_NOTIFICATIONS_MAX = 20_000;

await run('notifications', async (stopped) => {
  await using service = await openService(notifications, notificationsConfig);
  const { config, logger, registry, identity, database, limit, configured, userAgent } = service;
  const kafka = readKafkaAccess(config);

  const { JOURNAL_FILE, WEBHOOK_URL, WEBHOOK_SECRET, HISTORY_CACHE_MAX_AGE_MS } = config;
  await using journal =
    JOURNAL_FILE === undefined
      ? undefined
      : await openJournalFile(JOURNAL_FILE.replaceAll('%i', `${hostname()}-${config.PORT}`));
  await using webhook =
    WEBHOOK_URL === undefined
      ? undefined
      : createWebhook({ url: WEBHOOK_URL, secret: WEBHOOK_SECRET, userAgent, registry });
  await using deliveries = startDeliveries({
    journal: journal && {
      journal,
      queue: createJournalQueue(inBackground(database)),
      find: (journalID) => findJournal(journal.path, journalID),
    },
    webhook: webhook && { webhook, queue: createDeliveryQueue(inBackground(database)) },
    logger,
    registry,
  });
  const history = cacheHistory(createHistory(database), {
    maxAgeMs: HISTORY_CACHE_MAX_AGE_MS,
    notificationsMax: HISTORY_NOTIFICATIONS_MAX,
    onRead: countHistoryReads(registry),
  });

  const targets = configuredTargets(config);
  const logAndCount = createAnnounce(logger, registry);
  const announce: Announce = (notification) => {
    history.forget(notification.user);
    deliveries.wake();
    logAndCount(notification);
  };
  const app = createApp({
    notifications: openNotifications(database, targets),
    history,
    announce,
    limit,
    configured,
    identity,
    logger,
    registry,
  });

  await using _server = await service.serve(app, stopped);
  // Kafka's client takes half a second to load.
  await using _consumer =
    kafka &&
    (await import('./kafka/consumer.ts')).startEventConsumer({
      ...kafka,
      ports: { store: createConsumerStore(inBackground(database), targets), announce },
      letters: createDeadLetterReader(database),
      logger,
      registry,
    });
  await stopped;
});
