import { defineService, uint32, uint64 } from 'rpc-kit';
import { z } from 'zod';

export const basket = defineService(
  'basket',
  { summary: 'Adds up prices.', version: '1.0.0' },
  {
    total: {
      summary: 'Returns the total price of products, and the products that do not exist.',
      params: z.strictObject({ skus: z.array(uint32).max(100) }),
      result: z.object({ total: uint64, unknown: z.array(uint32) }),
      timeoutMs: 500,
      reads: true,
      example: { params: { skus: [7, 8, 9] }, result: { total: 2698, unknown: [9] } },
    },
  },
);
