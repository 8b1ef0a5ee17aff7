import { createHash, timingSafeEqual } from 'node:crypto';
import { fail, type Handlers, RpcError } from 'rpc-kit';
import { products } from '../../contract.ts';
import type { Catalogue } from '../catalogue.ts';

export function createHandlers(catalogue: Catalogue, token: string): Handlers<typeof products.methods> {
  const expected = digest(token);

  function authenticate(given: string): void {
    // Digests have equal length, so the comparison takes constant time.
    if (!timingSafeEqual(digest(given), expected)) throw new RpcError('unauthenticated', 'The token is wrong');
  }

  return {
    async get_product(params, call) {
      authenticate(params.token);
      const { sku } = params;
      const product = await catalogue.find(sku, call);
      if (!product) throw fail(products.methods.get_product, 'product_not_found', { sku });
      return { name: product.name, price: product.price };
    },

    async list_skus(params, call) {
      authenticate(params.token);
      return { skus: await catalogue.skusAfter(params.startAfterSku, params.count, call) };
    },
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
