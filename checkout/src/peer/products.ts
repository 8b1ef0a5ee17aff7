import type { products } from 'products/contract.ts';
import { type Client, type Limiter, RpcError } from 'rpc-kit';
import type { ProductCatalogue } from '../domain/ports.ts';
import { Refusal } from '../domain/refusal.ts';
import { toOwnFailure } from './peer-errors.ts';

/**
 * The product service is asked at most ten times in any second. Who would have to wait longer than listCart may take,
 * 15 s, is refused at once instead.
 */
export const PRODUCT_LIMIT = { tokens: 10, intervalMs: 1_000, waitersMax: 150 };

export interface ProductPeerParts {
  readonly client: Client<typeof products.methods>;
  readonly token: string;
  /** Every request to the product service takes a token of it, whoever asks. */
  readonly limiter: Limiter;
}

/**
 * The product service, ours or the original external one. The turn is waited for before the call is made, so that the
 * wait counts against the caller's deadline and not against the request's own short one.
 */
export function createProductCatalogue({ client, token, limiter }: ProductPeerParts): ProductCatalogue {
  return {
    async product(sku, context) {
      using _turn = await limiter.take(context.signal);
      try {
        return await client.get_product({ token, sku }, context);
      } catch (error) {
        // The original service knows no reasons, so the code alone has to do.
        if (error instanceof RpcError && error.code === 'not_found') {
          throw new Refusal({ reason: 'product_not_found', facts: { sku } });
        }
        throw toOwnFailure('products', error);
      }
    },
  };
}
