import { loms } from 'loms/contract.ts';
import { products } from 'products/contract.ts';
import { createTokenBucket } from 'rpc-kit';
import { measureLimiter } from 'rpc-kit/metrics';
import {
  createOperationJournal,
  createSharedTokenBucket,
  openPeer,
  openService,
  run,
  startForgetting,
} from 'service-kit';
import { checkout } from '../contract.ts';
import { createApp } from './app.ts';
import { checkoutConfig } from './config.ts';
import { createOrderDesk, createWarehouse } from './peer/loms.ts';
import { cacheProducts, countProductAnswers } from './peer/product-cache.ts';
import { createProductStates } from './peer/product-states.ts';
import { createProductCatalogue, PRODUCT_LIMIT, PRODUCT_PEER } from './peer/products.ts';
import { observeUnsettled } from './purchase-metrics.ts';
import { createCartReader } from './repository/carts.ts';
import { createUnfinishedPurchases, createUnsettledReader } from './repository/purchases.ts';
import { createStore } from './repository/store.ts';

await run('checkout', async (stopped) => {
  await using service = await openService(checkout, checkoutConfig);
  const { config, logger, registry, identity, database, limit, configured, userAgent } = service;

  await using lomsPeer = openPeer(loms, {
    urls: config.LOMS_URL,
    userAgent,
    identity,
    registry,
    logger,
    hedge: config.HEDGE_READS,
  });
  await using productsPeer = openPeer(products, {
    urls: config.PRODUCTS_URL,
    userAgent,
    identity,
    registry,
    logger,
    ...PRODUCT_PEER,
  });
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

  const maxAgeMs = config.PRODUCT_CACHE_MAX_AGE_MS;

  observeUnsettled(registry, logger, createUnsettledReader(database));

  await using app = createApp({
    store: createStore(database),
    carts: createCartReader(database),
    unfinished: createUnfinishedPurchases(database),
    warehouse: createWarehouse(lomsPeer.client),
    orderDesk: createOrderDesk(lomsPeer.client),
    catalogue: cacheProducts(productService, {
      maxAgeMs,
      onAnswer: countProductAnswers(registry),
    }),
    states: cacheProducts(createProductStates(productsPeer.client), { maxAgeMs }),
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
