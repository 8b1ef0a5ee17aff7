import { defineService, stream, uint64 } from 'rpc-kit/client';
import * as z from 'zod';

const bid = z.object({ seq: uint64, amount: uint64 });

/** The page and the service share it, so it imports nothing that only Node has. */
export const auction = defineService(
  'auction',
  { summary: 'Sells one thing to the highest bidder.', version: '1.0.0' },
  {
    bid: {
      summary: 'Bids for it.',
      params: z.strictObject({ amount: uint64 }),
      result: bid,
      errors: {
        too_low: {
          code: 'failed_precondition',
          message: 'There is a bid that is as high',
          details: z.object({ highest: uint64 }),
        },
      },
      timeoutMs: 2_000,
      example: { params: { amount: 12 }, result: { seq: 1, amount: 12 } },
    },
    watch: {
      summary: 'Sends the last bids, and each bid that follows.',
      params: z.strictObject({ after: uint64.optional() }),
      result: stream(bid, { id: 'seq', resume: 'after' }),
      timeoutMs: 3_600_000,
      reads: true,
      example: { params: {}, result: { seq: 1, amount: 12 } },
    },
  },
);
