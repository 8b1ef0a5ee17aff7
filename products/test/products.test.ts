import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import {
  type Client,
  createClient,
  createHttpTransport,
  failedWith,
  type HttpServer,
  RpcError,
  serveHttp,
} from 'rpc-kit';
import { type Database, openDatabase } from 'service-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { products } from '../contract.ts';
import { createApp } from '../src/app.ts';
import { createCatalogue } from '../src/repository/catalogue.ts';
import { createStore } from '../src/repository/store.ts';

const execute = promisify(execFile);
const LOADER = fileURLToPath(new URL('../src/load-catalogue.ts', import.meta.url));
const CATALOGUE = fileURLToPath(new URL('../../catalogue/catalogue.json', import.meta.url));
const BOOK = { sku: 1_076_963, name: 'Теория нравственных чувств | Смит Адам', price: 3_379 };
const token = 'testtoken';

describe('products on the catalogue', () => {
  const logger = pino({ level: 'silent' });
  const stack = new AsyncDisposableStack();
  let own: TestDatabase;
  let database: Database;
  let server: HttpServer;
  let client: Client<typeof products.methods>;

  const load = async (): Promise<string> => {
    const { stdout } = await execute(process.execPath, [LOADER, CATALOGUE], {
      env: { ...process.env, DATABASE_URL: own.url },
    });
    return stdout.trim();
  };

  before(async () => {
    own = stack.use(await createTestDatabase('products'));
    const registry = new Registry();
    database = stack.use(openDatabase({ url: own.url, poolMax: 2, logger, registry }));
    const service = createApp({
      catalogue: createCatalogue(database),
      store: createStore(database),
      token,
      logger,
      registry,
    });
    server = stack.use(await serveHttp(service, { host: '127.0.0.1', port: 0, logger, registry }));
    const wire = stack.use(createHttpTransport(server.url, { userAgent: 'test' }));
    client = createClient(products, wire);
  });

  after(() => stack.disposeAsync());

  it('is loaded once; loading again changes nothing', async () => {
    assert.match(await load(), /^products: \d{3,} stored$/);
    await database.query(`UPDATE products SET price = 1 WHERE sku = ${BOOK.sku}`);
    assert.equal(await load(), 'products: nothing new');
    assert.equal((await client.get_product({ token, sku: BOOK.sku })).price, 1);
    await database.query(`UPDATE products SET price = ${BOOK.price} WHERE sku = ${BOOK.sku}`);
  });

  it('answers name and price', async () => {
    const { name, price } = BOOK;
    assert.deepEqual(await client.get_product({ token, sku: BOOK.sku }), { name, price });
  });

  it('refuses an unknown sku, and names it', async () => {
    await assert.rejects(
      client.get_product({ token, sku: 4_294_967_295 }),
      (error) =>
        failedWith(error, products.methods.get_product, 'product_not_found') && error.details.sku === 4_294_967_295,
    );
  });

  it('refuses a wrong token on every method', async () => {
    const isUnauthenticated = (error: unknown) => error instanceof RpcError && error.code === 'unauthenticated';
    await assert.rejects(client.get_product({ token: 'wrong', sku: BOOK.sku }), isUnauthenticated);
    await assert.rejects(client.list_skus({ token: 'wrong', startAfterSku: 0, count: 1 }), isUnauthenticated);
  });

  it('lists all skus, ascending and each once, a page at a time', async () => {
    const all: number[] = [];
    for (;;) {
      const { skus } = await client.list_skus({ token, startAfterSku: all.at(-1) ?? 0, count: 40 });
      if (skus.length === 0) break;
      all.push(...skus);
    }
    const [row] = await database.query('SELECT count(*)::integer AS rows FROM products');
    assert.equal(all.length, row?.rows);
    assert.deepEqual(
      all,
      [...new Set(all)].toSorted((a, b) => a - b),
    );
    assert.ok(all.length >= 200 && all.includes(BOOK.sku) && all.includes(139_275_865));
  });

  it('serves clients of the original service by its plain protocol', async () => {
    const body = JSON.stringify({ token, sku: BOOK.sku });
    const answer = await fetch(`${server.url}/get_product`, { method: 'POST', body: Buffer.from(body) });
    assert.equal(answer.status, 200);
    assert.deepEqual(await answer.json(), { name: BOOK.name, price: BOOK.price });
  });
});
