import { defineService, int64, uint16, uint32, uint64 } from 'rpc-kit';
import { z } from 'zod';
import { ITEMS_MAX, WORK } from './work.ts';

const about = { summary: 'The work of the benchmark.', version: '1.0.0' };

/** The work as a contract of rpc-kit. */
export const loms = defineService('loms', about, {
  createOrder: {
    summary: 'Creates an order.',
    params: z.strictObject({
      user: int64,
      items: z
        .array(z.strictObject({ sku: uint32, count: uint16.min(1) }))
        .min(1)
        .max(ITEMS_MAX),
    }),
    result: z.object({ orderID: int64 }),
    timeoutMs: 2_000,
    example: { params: WORK.createOrder.params as Record<string, unknown>, result: WORK.createOrder.result },
  },
  stocks: {
    summary: 'Lists how much of a sku is on sale in each warehouse.',
    params: z.strictObject({ sku: uint32 }),
    result: z.object({ stocks: z.array(z.object({ warehouseID: int64, count: uint64 })) }),
    timeoutMs: 2_000,
    reads: true,
    example: { params: WORK.stocks.params as Record<string, unknown>, result: WORK.stocks.result },
  },
});

const { createOrder, stocks } = loms.methods;

/** The same with results of any shape, for the ablation. */
export const uncheckedLoms = defineService('loms', about, {
  createOrder: { ...createOrder, result: z.any() },
  stocks: { ...stocks, result: z.any() },
});
