import { initTRPC, TRPCError } from '@trpc/server';
import { createHTTPServer } from '@trpc/server/adapters/standalone';
import { z } from 'zod';

const t = initTRPC.create();
const pricesBySku = new Map([
  [7, 199],
  [8, 2_499],
]);

export const pricesRouter = t.router({
  priceOf: t.procedure.input(z.object({ sku: z.number().int() })).query(({ input }) => {
    const price = pricesBySku.get(input.sku);
    if (price === undefined) throw new TRPCError({ code: 'NOT_FOUND', message: 'There is no such product' });
    return { price };
  }),
});

/** What the client imports; there is no contract besides. */
export type PricesRouter = typeof pricesRouter;

export const pricesServer = createHTTPServer({ router: pricesRouter });
