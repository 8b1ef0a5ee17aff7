import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type HttpServer, serveHttp } from 'rpc-kit';
import { openDatabase } from 'service-kit';
import { createTestDatabase, itKeepsItsDocuments } from 'testing';
import { createApp } from '../src/app.ts';
import { createCatalogue } from '../src/repository/catalogue.ts';
import { createStore } from '../src/repository/store.ts';

describe('products', () => {
  const stack = new AsyncDisposableStack();
  let server: HttpServer;

  before(async () => {
    const [logger, registry] = [pino({ level: 'silent' }), new Registry()];
    const { url } = stack.use(await createTestDatabase('products'));
    const database = stack.use(openDatabase({ url, poolMax: 2, logger, registry }));
    // The product and the token of the documents' examples.
    await database.query(`INSERT INTO products (sku, name, price) VALUES (1076963, 'A book', 3379)`);
    const service = createApp({
      catalogue: createCatalogue(database),
      store: createStore(database),
      token: 'testtoken',
      logger,
      registry,
    });
    server = stack.use(await serveHttp(service, { host: '127.0.0.1', port: 0, logger, registry }));
  });

  after(() => stack.disposeAsync());

  // A cursor has to be one that the list gave, and an update has to name what it changes.
  itKeepsItsDocuments({ url: () => server.url, ruledByWords: ['list_products', 'update_product'] });
});
