import { loms } from 'loms/contract.ts';
import { products } from 'products/contract.ts';
import { createTokenBucket, serveHttp } from 'rpc-kit';
import { httpMetrics } from 'rpc-kit/metrics';
import {
  createLogger,
  createRegistry,
  createSharedTokenBucket,
  type Database,
  openDatabase,
  openPeer,
} from 'service-kit';
import type { RunningService } from 'testing';
import { createApp } from '../src/app.ts';
import type { OrderDesk } from '../src/domain/ports.ts';
import { createOrderDesk, createWarehouse } from '../src/peer/loms.ts';
import { createProductStates } from '../src/peer/product-states.ts';
import { createProductCatalogue, PRODUCT_LIMIT, PRODUCT_PEER } from '../src/peer/products.ts';
import { createCartReader } from '../src/repository/carts.ts';
import { createUnfinishedPurchases } from '../src/repository/purchases.ts';
import { createStore } from '../src/repository/store.ts';
import { TOKEN } from './fake-products.ts';

export interface CheckoutOptions {
  readonly port?: number;
  readonly databaseUrl: string;
  readonly lomsUrls: readonly string[];
  /** Of the fake product service, which knows every sku. */
  readonly productsUrl: string;
  /** As PRODUCTS_LIMIT_SHARED; without it, requests to the product service are unlimited. */
  readonly productsLimitShared?: 'on' | 'off';
}

/** Decorators for checkout's parts. */
export interface CheckoutDecorators {
  readonly database?: (database: Database) => Database;
  readonly orderDesk?: (orderDesk: OrderDesk) => OrderDesk;
}

const POOL_MAX = 10;
/** Most tests are not about the limit. */
const NO_LIMIT = { tokens: 10_000, intervalMs: 1, waitersMax: 1 };

/** checkout as its main.ts puts it together, but without a cache of products: over HTTP, in this process. */
export async function startCheckout(
  options: CheckoutOptions,
  decorators: CheckoutDecorators = {},
): Promise<RunningService> {
  await using resources = new AsyncDisposableStack();
  const logger = createLogger('checkout', 'silent');
  const registry = createRegistry('checkout');
  const pool = resources.use(openDatabase({ url: options.databaseUrl, poolMax: POOL_MAX, logger, registry }));
  const database = decorators.database?.(pool) ?? pool;
  const userAgent = 'checkout/tests';
  const lomsPeer = resources.use(openPeer(loms, { urls: options.lomsUrls, userAgent, registry, logger }));
  const productsPeer = resources.use(
    openPeer(products, { urls: [options.productsUrl], userAgent, registry, logger, ...PRODUCT_PEER }),
  );
  const limiter =
    options.productsLimitShared === 'on'
      ? createSharedTokenBucket({ database, name: 'products', logger, ...PRODUCT_LIMIT })
      : createTokenBucket(options.productsLimitShared === 'off' ? PRODUCT_LIMIT : NO_LIMIT);
  const orderDesk = createOrderDesk(lomsPeer.client);
  const app = resources.use(
    createApp({
      store: createStore(database),
      carts: createCartReader(database),
      unfinished: createUnfinishedPurchases(database),
      warehouse: createWarehouse(lomsPeer.client),
      orderDesk: decorators.orderDesk?.(orderDesk) ?? orderDesk,
      catalogue: createProductCatalogue({ client: productsPeer.client, token: TOKEN, limiter }),
      states: createProductStates(productsPeer.client),
      logger,
      registry,
    }),
  );
  const server = await serveHttp(app.service, {
    host: '127.0.0.1',
    port: options.port ?? 0,
    logger,
    metrics: httpMetrics(registry),
  });
  resources.defer(() => server.close(0));
  const owned = resources.move();
  return { url: server.url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
