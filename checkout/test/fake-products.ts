import { pino } from 'pino';
import { products } from 'products/contract.ts';
import { type Call, fail, implement, RpcError, serveHttp } from 'rpc-kit';

export const TOKEN = 'the token of the tests';

export interface ProductRequest {
  readonly sku: number;
  /** By performance.now(). */
  readonly at: number;
  readonly signal: AbortSignal;
}

/** The product service in memory, over HTTP. By default it knows every sku. */
export interface FakeProducts extends AsyncDisposable {
  readonly url: string;
  /** As they came. */
  readonly requests: ProductRequest[];
  readonly prices: Map<number, number>;
  readonly unknown: Set<number>;
  readonly archived: Set<number>;
  /** Called before a request for one product is answered. */
  onCall: (call: Call) => Promise<void>;
  /** Called before a request for many products is answered. */
  onManyCall: (skus: readonly number[]) => Promise<void>;
  /** Resets the behaviour, the skus and the prices; the requests stay. */
  recover(): void;
}

export function nameOf(sku: number): string {
  return `Товар ${sku}`;
}

export const USUAL_PRICE = 100;

async function noUse(): Promise<never> {
  throw new RpcError('unimplemented', 'checkout has no use for it');
}

export async function startFakeProducts(): Promise<FakeProducts> {
  const service = implement(products, {
    async get_product({ token, sku }, call) {
      fake.requests.push({ sku, at: performance.now(), signal: call.signal });
      await fake.onCall(call);
      if (token !== TOKEN) throw new RpcError('unauthenticated', 'wrong token');
      if (fake.unknown.has(sku)) throw fail(products.methods.get_product, 'product_not_found', { sku });
      return { name: nameOf(sku), price: fake.prices.get(sku) ?? USUAL_PRICE };
    },
    async get_products({ skus }) {
      await fake.onManyCall(skus);
      const known = skus.filter((sku) => !fake.unknown.has(sku));
      return {
        products: known.map((sku) => ({
          sku,
          name: nameOf(sku),
          price: fake.prices.get(sku) ?? USUAL_PRICE,
          version: 1,
          archived: fake.archived.has(sku),
        })),
      };
    },
    list_skus: noUse,
    list_products: noUse,
    create_product: noUse,
    update_product: noUse,
    archive_product: noUse,
  });
  const server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }) });

  const fake: FakeProducts = {
    url: server.url,
    requests: [],
    prices: new Map(),
    unknown: new Set(),
    archived: new Set(),
    onCall: async () => {},
    onManyCall: async () => {},
    recover() {
      fake.onManyCall = async () => {};
      fake.onCall = async () => {};
      fake.prices.clear();
      fake.unknown.clear();
      fake.archived.clear();
    },
    [Symbol.asyncDispose]: () => server.close(0),
  };
  return fake;
}
