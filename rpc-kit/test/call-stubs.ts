import { z } from 'zod';
import type { Call } from '../src/call.ts';
import { defineService } from '../src/contract.ts';
import { startDeadline } from '../src/deadline.ts';
import { testCall } from '../src/testing.ts';

/** Longer than any busy machine takes, and shorter than a test may take. */
export const PATIENT_MS = 10_000;

const nothing = { params: z.strictObject({}), result: z.object({}), example: { params: {}, result: {} } };

/** A contract with a method of every kind that client policies distinguish. */
export const shop = defineService(
  'shop',
  { summary: 'Is called by the tests of policies.', version: '1.0.0' },
  {
    look: { ...nothing, summary: 'Reads.', timeoutMs: PATIENT_MS, reads: true },
    buy: {
      ...nothing,
      summary: 'Writes, and takes a key.',
      params: z.strictObject({ idempotencyKey: z.string().optional() }),
      timeoutMs: PATIENT_MS,
      retry: 'with-idempotency-key',
      errors: {
        sold_out: { code: 'failed_precondition', message: 'There is none left' },
        closed: { code: 'unavailable', message: 'The shop is closed' },
      },
    },
    ring: { ...nothing, summary: 'Writes.', timeoutMs: PATIENT_MS },
  },
);

export interface CallStub extends Partial<Omit<Call, 'method' | 'contract'>> {
  readonly method?: keyof typeof shop.methods;
}

/** A call of the shop; by default it reads and has no deadline. */
export function callOf(stub: CallStub = {}): Call {
  const method = stub.method ?? 'look';
  return testCall({ service: shop.name, contract: shop.methods[method], ...stub, method });
}

/** A call that is over after so long; what its signal costs is freed when that time has come. */
export function callFor(timeoutMs: number, stub: CallStub = {}): Call {
  const deadline = startDeadline(timeoutMs, stub.signal);
  return callOf({ ...stub, signal: deadline.signal, deadlineAt: deadline.at });
}
