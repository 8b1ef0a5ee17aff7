import { fileURLToPath } from 'node:url';
import { loms } from 'loms/contract.ts';
import { products } from 'products/contract.ts';
import { adaptiveLimit, createTokenBucket, measureLimiter, serveHttp } from 'rpc-kit';
import {
  announce,
  createLogger,
  createOperationJournal,
  createRegistry,
  createSharedTokenBucket,
  databaseReadiness,
  loadConfig,
  openDatabase,
  openPeer,
  run,
  serveProfiles,
  startForgetting,
  startTracing,
  switchLogLevelOnSignal,
} from 'service-kit';
import { checkout } from '../contract.ts';
import { createApp } from './app.ts';
import { checkoutConfig } from './config.ts';
import { createOrderDesk, createWarehouse } from './peer/loms.ts';
import { cacheProducts, countProductAnswers } from './peer/product-cache.ts';
import { createProductCatalogue, PRODUCT_LIMIT } from './peer/products.ts';
import { singleFlight } from './peer/single-flight.ts';
import { observeUnsettled } from './purchase-metrics.ts';
import { createCartReader } from './repository/carts.ts';
import { createUnfinishedPurchases, createUnsettledReader } from './repository/purchases.ts';
import { createStore } from './repository/store.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations/checkout', import.meta.url));

await run('checkout', async (stopped) => {
  const config = loadConfig(checkoutConfig);
  const logger = createLogger('checkout', config.LOG_LEVEL);
  using _switching = switchLogLevelOnSignal(logger);
  await using _profiles = await serveProfiles({ service: 'checkout', directory: config.PROFILE_DIR, logger });
  const registry = createRegistry('checkout');
  await using _tracing = await startTracing('checkout', checkout.version, config, logger);
  await using database = openDatabase({
    url: config.DATABASE_URL,
    poolMax: config.DATABASE_POOL_MAX,
    logger,
    registry,
  });

  const userAgent = `checkout/${checkout.version}`;
  await using lomsPeer = openPeer(loms, { urls: config.LOMS_URL, userAgent, registry, logger });
  // Each request takes a turn of the product service's limit, so none is sent again behind its back.
  // The original service, which is none of ours, may stand there: it is told no baggage.
  const plainly = { face: 'plain', baggage: false, retries: false } as const;
  const toProducts = { urls: config.PRODUCTS_URL, userAgent, registry, logger, ...plainly };
  await using productsPeer = openPeer(products, toProducts);
  await using _forgetting = startForgetting(database, config.OPERATIONS_KEPT_DAYS, logger, registry);

  const productLimiter =
    config.PRODUCTS_LIMIT_SHARED === 'on'
      ? createSharedTokenBucket({ database, name: 'products', logger, ...PRODUCT_LIMIT })
      : createTokenBucket(PRODUCT_LIMIT);

  const productService = createProductCatalogue({
    client: productsPeer.client,
    token: config.PRODUCTS_TOKEN,
    limiter: measureLimiter(registry, 'products', productLimiter),
  });

  observeUnsettled(registry, logger, createUnsettledReader(database));

  const limit = adaptiveLimit();
  await using app = createApp({
    store: createStore(database),
    carts: createCartReader(database),
    unfinished: createUnfinishedPurchases(database),
    warehouse: createWarehouse(lomsPeer.client),
    orderDesk: createOrderDesk(lomsPeer.client),
    catalogue: cacheProducts(singleFlight(productService), {
      maxAgeMs: config.PRODUCT_CACHE_MAX_AGE_MS,
      onAnswer: countProductAnswers(registry),
    }),
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
  announce(logger, server.url, checkoutConfig, config, stopped);
  await stopped;
});
