import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { adaptiveLimit, serveHttp } from 'rpc-kit';
import {
  announce,
  createLogger,
  createRegistry,
  databaseReadiness,
  loadConfig,
  openDatabase,
  readKafkaAccess,
  run,
  serveProfiles,
  startTracing,
  switchLogLevelOnSignal,
} from 'service-kit';
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

const MIGRATIONS = fileURLToPath(new URL('../../migrations/notifications', import.meta.url));

await run('notifications', async (stopped) => {
  const config = loadConfig(notificationsConfig);
  const kafka = readKafkaAccess(config);
  const logger = createLogger('notifications', config.LOG_LEVEL);
  using _switching = switchLogLevelOnSignal(logger);
  await using _profiles = await serveProfiles({ service: 'notifications', directory: config.PROFILE_DIR, logger });
  const registry = createRegistry('notifications');
  await using _tracing = await startTracing('notifications', notifications.version, config, logger);
  await using database = openDatabase({
    url: config.DATABASE_URL,
    poolMax: config.DATABASE_POOL_MAX,
    logger,
    registry,
  });

  const { JOURNAL_FILE, WEBHOOK_URL, WEBHOOK_SECRET, HISTORY_CACHE_MAX_AGE_MS } = config;
  await using journal =
    JOURNAL_FILE === undefined
      ? undefined
      : await openJournalFile(JOURNAL_FILE.replaceAll('%i', `${hostname()}-${config.PORT}`));
  const userAgent = `notifications/${notifications.version}`;
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
  const limit = adaptiveLimit();
  const sink = createStoredSink({
    logger,
    registry,
    onStored({ user }) {
      history.forget(user);
      deliveries.wake();
    },
  });
  const service = createApp({
    store: createStore(database, sinks),
    history,
    sink,
    limit,
    logger,
    registry,
  });

  const readiness = databaseReadiness(database, MIGRATIONS);
  await using server = await serveHttp(service, {
    host: config.HOST,
    port: config.PORT,
    allowedHosts: config.ALLOWED_HOSTS,
    allowedOrigins: config.ALLOWED_ORIGINS,
    logger,
    registry,
    readiness,
    admission: limit,
  });
  await using _consumer = await openEventConsumer(kafka, {
    ports: { store: createConsumerStore(database, sinks), sink },
    letters: createDeadLetterReader(database),
    logger,
    registry,
  });
  announce(logger, server.url, notificationsConfig, config, stopped);
  await stopped;
});
