import {
  Code,
  ConnectError,
  type ConnectRouter,
  createClient,
  type HandlerContext,
  type Transport,
} from '@connectrpc/connect';
import { BasketService } from './gen/basket_pb.ts';
import { PricesService, UnknownSkuSchema } from './gen/prices_pb.ts';

export function createBasketRoutes(transport: Transport) {
  const prices = createClient(PricesService, transport);

  async function priceOf(sku: number, context: HandlerContext): Promise<number | undefined> {
    try {
      const { price } = await prices.priceOf({ sku }, { signal: context.signal, timeoutMs: context.timeoutMs() });
      return price;
    } catch (error) {
      const isUnknown = error instanceof ConnectError && error.code === Code.NotFound;
      if (isUnknown && error.findDetails(UnknownSkuSchema).length > 0) return undefined;
      throw error;
    }
  }

  return (router: ConnectRouter): void => {
    router.service(BasketService, {
      async total({ skus }, context) {
        const found = await Promise.all(skus.map((sku) => priceOf(sku, context)));
        const total = found.reduce<bigint>((sum, price) => sum + BigInt(price ?? 0), 0n);
        return { total, unknown: skus.filter((_sku, index) => found[index] === undefined) };
      },
    });
  };
}
