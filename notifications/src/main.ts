import { fileURLToPath } from 'node:url';
import { adaptiveLimit, serveHttp } from 'rpc-kit';
import {
  announce,
  createLogger,
  createRegistry,
  databaseReadiness,
  loadConfig,
  openDatabase,
  run,
  startTracing,
  switchLogLevelOnSignal,
} from 'service-kit';
import { notifications } from '../contract.ts';
import { createApp } from './app.ts';
import { notificationsConfig } from './config.ts';
import { createHistory } from './repository/history.ts';
import { createStore } from './repository/store.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations/notifications', import.meta.url));

await run('notifications', async (stopped) => {
  const config = loadConfig(notificationsConfig);
  const logger = createLogger('notifications', config.LOG_LEVEL);
  using _switching = switchLogLevelOnSignal(logger);
  const registry = createRegistry('notifications');
  await using _tracing = await startTracing('notifications', notifications.version, config, logger);
  await using database = openDatabase({
    url: config.DATABASE_URL,
    poolMax: config.DATABASE_POOL_MAX,
    logger,
    registry,
  });

  const limit = adaptiveLimit();
  const service = createApp({
    store: createStore(database),
    history: createHistory(database),
    limit,
    logger,
    registry,
  });

  const readiness = databaseReadiness(database, MIGRATIONS);
  await using server = await serveHttp(service, {
    host: config.HOST,
    port: config.PORT,
    logger,
    registry,
    readiness,
    admission: limit,
  });
  announce(logger, server.url, notificationsConfig, config, stopped);
  await stopped;
});
