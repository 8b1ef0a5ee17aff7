import { defineService, stream, uint64 } from 'rpc-kit/client';
import * as z from 'zod';

const total = z.object({ seq: uint64, total: uint64 });

export const counter = defineService(
  'counter',
  { summary: 'Counts.', version: '1.0.0' },
  {
    add: {
      summary: 'Adds to the total.',
      params: z.strictObject({ amount: uint64 }),
      result: total,
      errors: { too_large: { code: 'failed_precondition', message: 'The total would exceed 64 bits' } },
      timeoutMs: 1_000,
      example: { params: { amount: 1 }, result: { seq: 1, total: 1 } },
    },
    watch: {
      summary: 'Sends the total, and each total that follows.',
      params: z.strictObject({ after: uint64.optional() }),
      result: stream(total, { id: 'seq', resume: 'after' }),
      timeoutMs: 3_600_000,
      reads: true,
      example: { params: {}, result: { seq: 1, total: 1 } },
    },
  },
);
