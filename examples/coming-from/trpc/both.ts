import { initTRPC, TRPCError } from '@trpc/server';
import { createHTTPServer } from '@trpc/server/adapters/standalone';
import { createClient, failedWith } from 'rpc-kit';
import { prices } from 'rpc-kit/examples/prices-contract.ts';
import { pricesService } from 'rpc-kit/examples/prices-service.ts';

const t = initTRPC.create();
const { priceOf } = prices.methods;
const client = createClient(prices, pricesService);

/** The router that callers know, in front of the service that has moved: its handler is no second implementation. */
export const pricesRouter = t.router({
  priceOf: t.procedure.input(priceOf.params).query(async ({ input, signal }) => {
    try {
      return await client.priceOf(input, signal && { signal });
    } catch (error) {
      if (!failedWith(error, priceOf, 'unknown_sku')) throw error;
      throw new TRPCError({ code: 'NOT_FOUND', message: error.message });
    }
  }),
});

export const pricesServer = createHTTPServer({ router: pricesRouter });
