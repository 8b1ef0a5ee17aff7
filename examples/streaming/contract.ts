import { defineService, stream, uint32 } from 'rpc-kit';
import { z } from 'zod';

export const ticker = defineService(
  'ticker',
  { summary: 'Watches prices.', version: '1.0.0' },
  {
    watch: {
      summary: 'Returns the changes of a price: those that there were, then each as it comes.',
      params: z.strictObject({ sku: uint32, after: uint32.optional() }),
      // A caller that lost its connection names the last item that it has.
      result: stream(z.object({ seq: uint32, price: uint32 }), { id: 'seq', resume: 'after' }),
      timeoutMs: 600_000,
      reads: true,
      example: { params: { sku: 7 }, result: { seq: 1, price: 199 } },
    },
  },
);
