import { defineService, uint32 } from 'rpc-kit';
import { z } from 'zod';

export const prices = defineService(
  'prices',
  { summary: 'Stores the prices of products.', version: '1.0.0' },
  {
    priceOf: {
      summary: 'Returns the price of a product.',
      params: z.strictObject({ sku: uint32 }),
      result: z.object({ price: uint32 }),
      errors: {
        unknown_sku: {
          code: 'not_found',
          message: 'There is no such product',
          details: z.object({ sku: uint32 }),
        },
      },
      timeoutMs: 200,
      reads: true,
      example: { params: { sku: 7 }, result: { price: 199 } },
    },
  },
);
