import type { products } from 'products/contract.ts';
import { type Client, type Limiter, RpcError } from 'rpc-kit';
import type { ProductCatalogue } from '../domain/ports.ts';
import { Refusal } from '../domain/refusal.ts';
import { toOwnFailure } from './peer-errors.ts';

/**
 * At most ten requests to the product service in any second. 150 waiters are 15 s, the timeout of listCart; further callers are
 * refused at once.
 */
export const PRODUCT_LIMIT = { tokens: 10, intervalMs: 1_000, waitersMax: 150 };

/** No retries, because each would exceed the limit; no baggage, because the original service is external. */
export const PRODUCT_PEER = { face: 'plain', baggage: false, retries: false } as const;

export interface ProductPeerParts {
  readonly client: Client<typeof products.methods>;
  readonly token: string;
  /** Every request to the product service takes a token. */
  readonly limiter: Limiter;
}

/**
 * The product service, ours or the original external one. The limiter is awaited before the call, so the wait counts against
 * the caller's deadline and not against the short timeout of the request.
 */
export function createProductCatalogue({ client, token, limiter }: ProductPeerParts): ProductCatalogue {
  return {
    async product(sku, context) {
      using _turn = await limiter.take(context.signal);
      try {
        return await client.get_product({ token, sku }, context);
      } catch (error) {
        // The original service sends no reasons, so only the code can be checked.
        if (error instanceof RpcError && error.code === 'not_found') {
          throw new Refusal({ reason: 'product_not_found', facts: { sku } });
        }
        throw toOwnFailure('products', error);
      }
    },
  };
}
