import { defineService, text, uint32 } from 'rpc-kit';
import { z } from 'zod';

/** A page of skus; callers continue with startAfterSku. */
const SKUS_MAX = 1_000;

const token = text(255);
const codes = { unauthenticated: 'The token is wrong.' } as const;

export const products = defineService(
  'products',
  {
    summary: 'The product catalogue: names and prices.',
    version: '0.1.0',
    contact: { name: 'The maintainers of order-mesh' },
  },
  {
    get_product: {
      summary: 'Gives the name and the price of a product.',
      params: z.strictObject({ token, sku: uint32 }),
      result: z.object({ name: z.string(), price: uint32 }),
      errors: {
        product_not_found: {
          code: 'not_found',
          message: 'There is no such product',
          details: z.object({ sku: uint32 }),
        },
      },
      codes,
      timeoutMs: 1_000,
      reads: true,
      access: { callers: ['checkout', 'gateway'] },
      positions: ['token', 'sku'],
      example: {
        params: { token: 'testtoken', sku: 1076963 },
        result: { name: 'Теория нравственных чувств | Смит Адам', price: 3379 },
      },
    },
    list_skus: {
      summary: 'Lists the skus of the catalogue, ascending.',
      params: z.strictObject({
        token,
        startAfterSku: uint32,
        count: uint32.min(1).max(SKUS_MAX).meta({ format: 'uint32' }),
      }),
      result: z.object({ skus: z.array(uint32) }),
      codes,
      timeoutMs: 1_000,
      reads: true,
      access: { callers: ['checkout', 'gateway'] },
      positions: ['token', 'startAfterSku', 'count'],
      example: { params: { token: 'testtoken', startAfterSku: 1000000, count: 1 }, result: { skus: [1076963] } },
    },
  },
);
