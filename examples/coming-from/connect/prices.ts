import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { PricesService, UnknownSkuSchema } from './gen/prices_pb.ts';

const pricesBySku = new Map([
  [7, 199],
  [8, 2_499],
]);

export function pricesRoutes(router: ConnectRouter): void {
  router.service(PricesService, {
    priceOf({ sku }) {
      const price = pricesBySku.get(sku);
      if (price !== undefined) return { price };
      const details = [{ desc: UnknownSkuSchema, value: { sku } }];
      throw new ConnectError('There is no such product', Code.NotFound, undefined, details);
    },
  });
}
