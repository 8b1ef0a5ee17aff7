import { Errors, type ServiceSchema } from 'moleculer';

const pricesBySku = new Map([
  [7, 199],
  [8, 2_499],
]);

export const prices: ServiceSchema = {
  name: 'prices',
  actions: {
    priceOf: {
      params: { sku: { type: 'number', integer: true } },
      handler({ params: { sku } }: { params: { sku: number } }) {
        const price = pricesBySku.get(sku);
        if (price === undefined)
          throw new Errors.MoleculerClientError('There is no such product', 404, 'unknown_sku', { sku });
        return { price };
      },
    },
  },
};
