import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { createClient, failedWith } from 'rpc-kit';
import { prices } from 'rpc-kit/examples/prices-contract.ts';
import { pricesService } from 'rpc-kit/examples/prices-service.ts';
import { PricesService, UnknownSkuSchema } from './gen/prices_pb.ts';

const { priceOf } = prices.methods;
const client = createClient(prices, pricesService);

/** The routes that callers know, in front of the service that has moved. */
export function pricesRoutes(router: ConnectRouter): void {
  router.service(PricesService, {
    async priceOf({ sku }, { signal }) {
      try {
        return await client.priceOf({ sku }, { signal });
      } catch (error) {
        if (!failedWith(error, priceOf, 'unknown_sku')) throw error;
        const details = [{ desc: UnknownSkuSchema, value: error.details }];
        throw new ConnectError(error.message, Code.NotFound, undefined, details);
      }
    },
  });
}
