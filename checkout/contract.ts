import { defineService, idempotencyKey, int64, uint16, uint32, uint64 } from 'rpc-kit';
import { z } from 'zod';

/** Limits of a cart. An order has the same, so every cart can be ordered. */
export const CART_LINES_MAX = 100;
export const LINE_COUNT_MAX = 65_535;

const user = int64;
const count = uint16.min(1).meta({ format: 'uint16' });
const shortage = z.object({ sku: uint32, requested: uint32, available: uint64 });

export const checkout = defineService(
  'checkout',
  { summary: 'Carts and purchases.', version: '0.1.0', contact: { name: 'The maintainers of order-mesh' } },
  {
    addToCart: {
      summary: 'Puts goods into the cart of a user.',
      description:
        'What the cart already holds of the sku plus count must be on sale. An archived product is refused within a second ' +
        '(PRODUCT_CACHE_MAX_AGE_MS) of its archiving, if the product service answers.',
      params: z.strictObject({ user, sku: uint32, count }),
      result: z.object({}),
      errors: {
        insufficient_stock: {
          code: 'failed_precondition',
          message: 'Less is on sale than the cart would hold',
          details: z.object({ sku: uint32, requested: uint32, available: uint64 }),
        },
        product_archived: {
          code: 'failed_precondition',
          message: 'The product is archived and can no longer be added to carts',
          details: z.object({ sku: uint32 }),
        },
        cart_full: {
          code: 'failed_precondition',
          message: `A cart holds at most ${CART_LINES_MAX} skus and at most ${LINE_COUNT_MAX} of each`,
          details: z.object({ linesMax: uint32, countMax: uint32 }),
        },
      },
      timeoutMs: 1_500,
      access: { callers: ['gateway'] },
      positions: ['user', 'sku', 'count'],
      example: { params: { user: 1, sku: 1076963, count: 2 }, result: {} },
    },
    deleteFromCart: {
      summary: 'Takes goods out of the cart of a user.',
      description: 'Asking for more than there is removes the line; a line that is not there is no error.',
      params: z.strictObject({ user, sku: uint32, count }),
      result: z.object({}),
      timeoutMs: 1_000,
      access: { callers: ['gateway'] },
      positions: ['user', 'sku', 'count'],
      example: { params: { user: 1, sku: 1076963, count: 1 }, result: {} },
    },
    listCart: {
      summary: "Shows a user's cart with names and prices.",
      description:
        'A price is at most a second old (PRODUCT_CACHE_MAX_AGE_MS). The product service is asked at most 10 times a second ' +
        'for all users together, so a large cart may take its time.',
      params: z.strictObject({ user }),
      result: z.object({
        items: z.array(z.object({ sku: uint32, count: uint16, name: z.string(), price: uint32 })),
        totalPrice: uint64,
      }),
      errors: {
        product_not_found: {
          code: 'not_found',
          message: 'The product service does not know a product of the cart',
          details: z.object({ sku: uint32 }),
        },
      },
      timeoutMs: 15_000,
      reads: true,
      priority: 'low',
      waits: true,
      batched: false,
      access: { callers: ['gateway'] },
      positions: ['user'],
      example: {
        params: { user: 1 },
        result: {
          items: [{ sku: 1076963, count: 1, name: 'Теория нравственных чувств | Смит Адам', price: 3379 }],
          totalPrice: 3379,
        },
      },
    },
    purchase: {
      summary: 'Makes one order of the cart as it stands and takes just those goods out of it.',
      description:
        'A repeated call never makes a second order of the same goods: while a purchase of the user is unfinished, a call ' +
        'without a key finishes that one and answers its order.',
      params: z.strictObject({ user, idempotencyKey: idempotencyKey.optional() }),
      result: z.object({ orderID: int64 }),
      errors: {
        cart_empty: { code: 'failed_precondition', message: 'The cart is empty' },
        out_of_stock: {
          code: 'failed_precondition',
          message: 'Not enough goods are on sale; the cart is as before',
          details: z.object({ orderID: int64, shortages: z.array(shortage) }),
        },
      },
      timeoutMs: 4_000,
      priority: 'high',
      retry: 'with-idempotency-key',
      access: { callers: ['gateway'] },
      positions: ['user', 'idempotencyKey'],
      example: { params: { user: 1 }, result: { orderID: 1 } },
    },
  },
);
