import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Client, createClient, createHttpTransport, type HttpServer, RpcError, serveHttp } from 'rpc-kit';
import { type Database, openDatabase } from 'service-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { products } from '../contract.ts';
import { createApp } from '../src/app.ts';
import { createCatalogue } from '../src/repository/catalogue.ts';
import { createStore } from '../src/repository/store.ts';

export type ProductsClient = Client<typeof products.methods>;

/** The product service over HTTP, on a database of its own. */
export interface RunningProducts extends AsyncDisposable {
  readonly testDatabase: TestDatabase;
  readonly database: Database;
  readonly server: HttpServer;
  readonly client: ProductsClient;
}

export const TOKEN = 'testtoken';
const POOL_MAX = 10;

export async function startProducts(): Promise<RunningProducts> {
  await using resources = new AsyncDisposableStack();
  const [logger, registry] = [pino({ level: 'silent' }), new Registry()];
  const testDatabase = resources.use(await createTestDatabase('products'));
  const database = resources.use(openDatabase({ url: testDatabase.url, poolMax: POOL_MAX, logger, registry }));
  const parts = { catalogue: createCatalogue(database), store: createStore(database), token: TOKEN };
  const service = createApp({ ...parts, logger, registry });
  const server = resources.use(await serveHttp(service, { host: '127.0.0.1', port: 0, logger, registry }));
  const wire = resources.use(createHttpTransport(server.url, { userAgent: 'gateway/0.1.0' }));
  const owned = resources.move();
  return {
    testDatabase,
    database,
    server,
    client: createClient(products, wire),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The reason and the details with which a call is refused. */
export async function refusalOf(call: Promise<unknown>): Promise<readonly [string | undefined, unknown]> {
  const error = await call.then(
    () => new Error('it should have failed'),
    (failure: unknown) => failure,
  );
  if (!(error instanceof RpcError)) throw error;
  return [error.reason, error.details];
}
