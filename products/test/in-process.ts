import { serveHttp } from 'rpc-kit';
import { httpMetrics } from 'rpc-kit/metrics';
import { createLogger, createRegistry, openDatabase } from 'service-kit';
import type { RunningService } from 'testing';
import { createApp } from '../src/app.ts';
import { createCatalogue } from '../src/repository/catalogue.ts';
import { createStore } from '../src/repository/store.ts';

export const TOKEN = 'testtoken';

const POOL_MAX = 10;

/** products as its main.ts puts it together, over HTTP, in this process. */
export async function startProducts({ databaseUrl }: { readonly databaseUrl: string }): Promise<RunningService> {
  await using resources = new AsyncDisposableStack();
  const logger = createLogger('products', 'silent');
  const registry = createRegistry('products');
  const database = resources.use(openDatabase({ url: databaseUrl, poolMax: POOL_MAX, logger, registry }));
  const parts = { catalogue: createCatalogue(database), store: createStore(database), token: TOKEN };
  const app = createApp({ ...parts, logger, registry });
  const server = await serveHttp(app, { host: '127.0.0.1', port: 0, logger, metrics: httpMetrics(registry) });
  resources.defer(() => server.close(0));
  const owned = resources.move();
  return { url: server.url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
