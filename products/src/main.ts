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
  serveProfiles,
  startTracing,
  switchLogLevelOnSignal,
} from 'service-kit';
import { products } from '../contract.ts';
import { createApp } from './app.ts';
import { productsConfig } from './config.ts';
import { createCatalogue } from './repository/catalogue.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations/products', import.meta.url));

await run('products', async (stopped) => {
  const config = loadConfig(productsConfig);
  const logger = createLogger('products', config.LOG_LEVEL);
  using _switching = switchLogLevelOnSignal(logger);
  await using _profiles = await serveProfiles({ service: 'products', directory: config.PROFILE_DIR, logger });
  const registry = createRegistry('products');
  await using _tracing = await startTracing('products', products.version, config, logger);
  await using database = openDatabase({
    url: config.DATABASE_URL,
    poolMax: config.DATABASE_POOL_MAX,
    logger,
    registry,
  });

  const catalogue = createCatalogue(database);
  const limit = adaptiveLimit();
  const service = createApp({ catalogue, token: config.PRODUCTS_TOKEN, limit, logger, registry });

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
  announce(logger, server.url, productsConfig, config, stopped);
  await stopped;
});
