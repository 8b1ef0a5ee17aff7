import { defineService } from 'rpc-kit';
import { z } from 'zod';

/** What the service can do: as many calls at a time, each for as long. Two hundred calls a second, however fast the machine is. */
export const CAPACITY = { slots: 10, serviceMs: 50 } as const;
export const CALLS_PER_SECOND_MAX = (CAPACITY.slots * 1_000) / CAPACITY.serviceMs;

/** Of each attempt. */
export const TIMEOUT_MS = 500;
export const ATTEMPTS_MAX = 3;

export const work = defineService(
  'work',
  { summary: 'The work of the benchmark.', version: '1.0.0' },
  {
    work: {
      summary: 'Takes one of the slots for a while.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: TIMEOUT_MS,
      reads: true,
      example: { params: {}, result: {} },
    },
  },
);
