import { fileURLToPath } from 'node:url';
import { loms } from 'loms/contract.ts';
import { products } from 'products/contract.ts';
import { clientMetrics, createClient, createHttpTransport, createTokenBucket, serveHttp } from 'rpc-kit';
import { announce, createLogger, createRegistry, databaseReadiness, loadConfig, openDatabase, run } from 'service-kit';
import { checkout } from '../contract.ts';
import { createApp } from './app.ts';
import { checkoutConfig } from './config.ts';
import { createOrderDesk, createWarehouse } from './peer/loms.ts';
import { createProductCatalogue, PRODUCT_LIMIT } from './peer/products.ts';
import { createCartReader } from './repository/carts.ts';
import { createUnfinishedPurchases } from './repository/purchases.ts';
import { createStore } from './repository/store.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations/checkout', import.meta.url));

await run('checkout', async (stopped) => {
  const config = loadConfig(checkoutConfig);
  const logger = createLogger('checkout', config.LOG_LEVEL);
  const registry = createRegistry('checkout');
  await using database = openDatabase({
    url: config.DATABASE_URL,
    poolMax: config.DATABASE_POOL_MAX,
    logger,
    registry,
  });

  const userAgent = `checkout/${checkout.version}`;
  const interceptors = [clientMetrics(registry)];
  await using lomsWire = createHttpTransport(config.LOMS_URL, { userAgent });
  await using productsWire = createHttpTransport(config.PRODUCTS_URL, { userAgent, face: 'plain' });
  const lomsClient = createClient(loms, lomsWire, { interceptors });
  const productsClient = createClient(products, productsWire, { interceptors });

  await using app = createApp({
    store: createStore(database),
    carts: createCartReader(database),
    unfinished: createUnfinishedPurchases(database),
    warehouse: createWarehouse(lomsClient),
    orderDesk: createOrderDesk(lomsClient),
    catalogue: createProductCatalogue({
      client: productsClient,
      token: config.PRODUCTS_TOKEN,
      limiter: createTokenBucket(PRODUCT_LIMIT),
    }),
    logger,
    registry,
  });

  const readiness = databaseReadiness(database, MIGRATIONS);
  await using server = await serveHttp(app.service, {
    host: config.HOST,
    port: config.PORT,
    logger,
    registry,
    readiness,
  });
  announce(logger, server.url, checkoutConfig, config, stopped);
  await stopped;
});
