import { openService, run } from 'service-kit';
import { products } from '../contract.ts';
import { createApp } from './app.ts';
import { productsConfig } from './config.ts';
import { createCatalogue } from './repository/catalogue.ts';

await run('products', async (stopped) => {
  await using service = await openService(products, productsConfig);
  const { config, logger, registry, database, limit } = service;

  const catalogue = createCatalogue(database);
  const app = createApp({ catalogue, token: config.PRODUCTS_TOKEN, limit, logger, registry });

  await using _server = await service.serve(app, stopped);
  await stopped;
});
