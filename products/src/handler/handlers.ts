import { createHash, timingSafeEqual } from 'node:crypto';
import { type Call, type Handlers, RpcError, uint32 } from 'rpc-kit';
import { answerRefusals, callingService, createPages } from 'service-kit';
import { products } from '../../contract.ts';
import { archiveProduct } from '../domain/archive-product.ts';
import { createProduct } from '../domain/create-product.ts';
import type { Catalogue, Change, Store } from '../domain/ports.ts';
import { Refusal } from '../domain/refusal.ts';
import { updateProduct } from '../domain/update-product.ts';

export interface HandlerParts {
  readonly catalogue: Catalogue;
  readonly store: Store;
  /** The token that callers of the original service's methods must send. */
  readonly token: string;
}

const pages = createPages({ sku: uint32 });

export function createHandlers({ catalogue, store, token }: HandlerParts): Handlers<typeof products.methods> {
  const expected = digest(token);

  function authenticate(given: string): void {
    // Digests have equal length, so the comparison takes constant time.
    if (!timingSafeEqual(digest(given), expected)) throw new RpcError('unauthenticated', 'The token is wrong');
  }

  return answerRefusals(products, {
    async get_product(params, call) {
      authenticate(params.token);
      const { sku } = params;
      const product = await catalogue.find(sku, call);
      if (!product) throw new Refusal({ reason: 'product_not_found', facts: { sku } });
      return { name: product.name, price: product.price };
    },

    async list_skus(params, call) {
      authenticate(params.token);
      return { skus: await catalogue.skusAfter(params.startAfterSku, params.count, call) };
    },

    async get_products({ skus }, call) {
      return { products: await catalogue.findAll(skus, call) };
    },

    async list_products({ name, limit, cursor }, call) {
      const afterSku = pages.after(cursor)?.sku;
      const found = await catalogue.list({ name, afterSku, count: limit + 1 }, call);
      const { items, nextCursor } = pages.cut(found, limit);
      return { products: items, nextCursor };
    },

    async create_product({ actor, ...product }, call) {
      return createProduct(store, product, changeOf(call, actor));
    },

    async update_product({ sku, version, name, price, actor }, call) {
      return updateProduct(store, { sku, version, name, price }, changeOf(call, actor));
    },

    async archive_product({ sku, version, actor }, call) {
      return archiveProduct(store, { sku, version }, changeOf(call, actor));
    },
  });
}

function changeOf({ signal, requestId, caller }: Call, actor: bigint | undefined): Change {
  return { signal, requestId, caller: callingService(caller), actor };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
