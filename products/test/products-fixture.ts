import { assertInvariants, type Query } from 'invariants';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Client, createClient, createHttpTransport, RpcError } from 'rpc-kit';
import { type Database, openDatabase } from 'service-kit';
import { createTestDatabase, queryOn, type TestDatabase } from 'testing';
import { products } from '../contract.ts';
import { startProducts } from './in-process.ts';

export type ProductsClient = Client<typeof products.methods>;

/** The product service on a database of its own. Disposing checks that the history of changes is whole. */
export interface RunningProducts extends AsyncDisposable {
  readonly url: string;
  readonly client: ProductsClient;
  /** Direct access, beside the service. */
  readonly database: Database;
  readonly testDatabase: TestDatabase;
}

export async function openProducts(): Promise<RunningProducts> {
  await using resources = new AsyncDisposableStack();
  const testDatabase = resources.use(await createTestDatabase('products'));
  const [logger, registry] = [pino({ level: 'silent' }), new Registry()];
  const database = resources.use(openDatabase({ url: testDatabase.url, poolMax: 2, logger, registry }));
  const { url } = resources.use(await startProducts({ databaseUrl: testDatabase.url }));
  const wire = resources.use(createHttpTransport(url, { userAgent: 'gateway/0.1.0' }));
  resources.defer(() => assertHistory(queryOn(database)));
  const owned = resources.move();
  return {
    url,
    client: createClient(products, wire),
    database,
    testDatabase,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function assertHistory(query: Query): Promise<void> {
  return assertInvariants({ products: query }, { only: ['A5'] });
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
