import { Errors, type ServiceSchema } from 'moleculer';
import { createClient, failedWith } from 'rpc-kit';
import { prices as contract } from 'rpc-kit/examples/prices-contract.ts';
import { pricesService } from 'rpc-kit/examples/prices-service.ts';

const { priceOf } = contract.methods;
const client = createClient(contract, pricesService);

/** The actions that callers know, in front of the service that has moved. */
export const prices: ServiceSchema = {
  name: 'prices',
  actions: {
    priceOf: {
      async handler({ params }: { params: { sku: number } }) {
        try {
          return await client.priceOf(params);
        } catch (error) {
          if (!failedWith(error, priceOf, 'unknown_sku')) throw error;
          throw new Errors.MoleculerClientError(error.message, 404, error.reason, error.details);
        }
      },
    },
  },
};
