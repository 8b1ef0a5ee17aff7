import { createOperationJournal, openService, run, startForgetting } from 'service-kit';
import { products } from '../contract.ts';
import { createApp } from './app.ts';
import { productsConfig } from './config.ts';
import { createCatalogue } from './repository/catalogue.ts';
import { createStore } from './repository/store.ts';

await run('products', async (stopped) => {
  await using service = await openService(products, productsConfig);
  const { config, logger, registry, identity, database, limit, configured } = service;
  await using _forgetting = startForgetting(database, config.OPERATIONS_KEPT_DAYS, logger, registry);

  const app = createApp({
    catalogue: createCatalogue(database),
    store: createStore(database),
    token: config.PRODUCTS_TOKEN,
    journal: createOperationJournal(database),
    limit,
    configured,
    identity,
    logger,
    registry,
  });

  await using _server = await service.serve(app, stopped);
  await stopped;
});
