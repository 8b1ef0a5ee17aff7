import { createHash, timingSafeEqual } from 'node:crypto';
import { fail, type Handlers, RpcError } from 'rpc-kit';
import { products } from '../../contract.ts';
import { ProductNotFound } from '../domain/errors.ts';
import { getProduct } from '../domain/get-product.ts';
import type { Catalogue } from '../domain/ports.ts';

export function createHandlers(catalogue: Catalogue, token: string): Handlers<typeof products.methods> {
  const expected = digest(token);

  function authenticate(given: string): void {
    // Digests have one length, so that the comparison takes the same time whatever was sent.
    if (!timingSafeEqual(digest(given), expected)) throw new RpcError('unauthenticated', 'The token is wrong');
  }

  return {
    async get_product(params, call) {
      authenticate(params.token);
      try {
        const { name, price } = await getProduct(catalogue, params.sku, call);
        return { name, price };
      } catch (error) {
        if (!(error instanceof ProductNotFound)) throw error;
        throw fail(products.methods.get_product, 'product_not_found', { sku: error.sku });
      }
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
