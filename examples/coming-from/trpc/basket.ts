import { createTRPCClient, httpBatchLink, TRPCClientError } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { createHTTPServer } from '@trpc/server/adapters/standalone';
import { z } from 'zod';
import type { PricesRouter } from './prices.ts';

const t = initTRPC.create();

function createBasketRouter(pricesUrl: string) {
  const prices = createTRPCClient<PricesRouter>({ links: [httpBatchLink({ url: pricesUrl })] });

  async function priceOf(sku: number, signal: AbortSignal | undefined): Promise<number | undefined> {
    try {
      const { price } = await prices.priceOf.query({ sku }, { signal });
      return price;
    } catch (error) {
      if (error instanceof TRPCClientError && error.data?.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  return t.router({
    total: t.procedure
      .input(z.object({ skus: z.array(z.number().int()).max(100) }))
      .query(async ({ input, signal }) => {
        const found = await Promise.all(input.skus.map((sku) => priceOf(sku, signal)));
        const total = found.reduce<number>((sum, price) => sum + (price ?? 0), 0);
        return { total, unknown: input.skus.filter((_sku, index) => found[index] === undefined) };
      }),
  });
}

export type BasketRouter = ReturnType<typeof createBasketRouter>;

export function createBasketServer(pricesUrl: string) {
  return createHTTPServer({ router: createBasketRouter(pricesUrl) });
}
