import { z } from 'zod';

/**
 * The work of every contender: two methods like those of an order service, one with an order of five lines as params, one
 * with small params and a small result. An answer depends only on the params, so every answer can be checked.
 */
export interface OrderParams {
  readonly user: number;
  readonly items: readonly { readonly sku: number; readonly count: number }[];
}
export interface StocksParams {
  readonly sku: number;
}

export const handlers = {
  createOrder: ({ user, items }: OrderParams) => ({ orderID: user * 1_000 + items.length }),
  stocks: ({ sku }: StocksParams) => ({
    stocks: [
      { warehouseID: 1, count: sku % 1_000 },
      { warehouseID: 2, count: 414 },
      { warehouseID: 3, count: 128 },
    ],
  }),
};

export type MethodName = keyof typeof handlers;
export const METHOD_NAMES = ['createOrder', 'stocks'] as const satisfies readonly MethodName[];

const order: OrderParams = {
  user: 2_147_483_701,
  items: [
    { sku: 1_076_963, count: 1 },
    { sku: 139_275_865, count: 2 },
    { sku: 4_465_995, count: 12 },
    { sku: 3_596_599, count: 3 },
    { sku: 2_956_315, count: 250 },
  ],
};

export interface Work {
  readonly params: unknown;
  readonly result: unknown;
}

export const WORK: Readonly<Record<MethodName, Work>> = {
  createOrder: {
    params: order,
    result: handlers.createOrder(order),
  },
  stocks: {
    params: { sku: 1_076_963 },
    result: handlers.stocks({ sku: 1_076_963 }),
  },
};

/** Params of createOrder that a validating contender must refuse. */
export const WRONG_ORDER: OrderParams = { ...order, items: [{ sku: 1_076_963, count: 0 }] };

export const ITEMS_MAX = 100;
export const UINT16_MAX = 2 ** 16 - 1;
export const UINT32_MAX = 2 ** 32 - 1;

/** The ranges of the wire types in plain zod, for the contenders that validate with it. 64 bits are safe integers there. */
export const schemas = {
  createOrder: {
    params: z.strictObject({
      user: z.int(),
      items: z
        .array(z.strictObject({ sku: z.int().min(0).max(UINT32_MAX), count: z.int().min(1).max(UINT16_MAX) }))
        .min(1)
        .max(ITEMS_MAX),
    }),
    result: z.object({ orderID: z.int() }),
  },
  stocks: {
    params: z.strictObject({ sku: z.int().min(0).max(UINT32_MAX) }),
    result: z.object({ stocks: z.array(z.object({ warehouseID: z.int(), count: z.int().min(0) })) }),
  },
};

/** The checks that protobuf's types cannot express, for the contenders that validate with them. */
export function orderIsInRange({ items }: OrderParams): boolean {
  return (
    items.length >= 1 && items.length <= ITEMS_MAX && items.every(({ count }) => count >= 1 && count <= UINT16_MAX)
  );
}
