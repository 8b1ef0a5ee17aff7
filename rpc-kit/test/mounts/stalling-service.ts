import { defineService, implement, type ServedCall, type Service, stream } from 'rpc-kit';
import { z } from 'zod';
import { PATIENT_MS } from '../call-stubs.ts';

const empty = { params: z.strictObject({}), timeoutMs: PATIENT_MS } as const;
const example = { params: {}, result: {} };

export const stalling = defineService(
  'stalling',
  { summary: 'Waits until the test lets it go on.', version: '1.0.0' },
  {
    wait: { ...empty, summary: 'Waits.', result: z.object({}), example },
    watch: { ...empty, summary: 'Sends one item and waits.', result: stream(z.object({})), reads: true, example },
    whoami: {
      ...empty,
      summary: 'Says who calls.',
      result: z.object({ address: z.string() }),
      reads: true,
      example: { params: {}, result: { address: '::1' } },
    },
  },
);

/** The service with another stream, and calls that end at once. */
export function implementWatch(watch: () => AsyncGenerator<Record<string, never>>): Service {
  return implement(stalling, { wait: async () => ({}), whoami: async () => ({ address: '' }), watch });
}

export interface Stalling {
  readonly service: Service;
  /** Lets every call go on. */
  readonly goOn: () => void;
  /** Resolves with the next call of `wait` or `watch` that begins. */
  nextCall(): Promise<ServedCall>;
  /** Resolves with the code by which a call was cancelled. */
  readonly cancelled: Promise<string>;
  /** The deferred tasks that have ended. */
  readonly deferred: string[];
}

export function createStalling(): Stalling {
  const gate = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<string>();
  const deferred: string[] = [];
  let begun = Promise.withResolvers<ServedCall>();
  const enter = (call: ServedCall): void => {
    call.signal.addEventListener('abort', () => cancelled.resolve(call.signal.reason.code));
    begun.resolve(call);
    begun = Promise.withResolvers();
  };
  const service = implement(stalling, {
    async wait(_params, call) {
      enter(call);
      call.defer(async () => void deferred.push('wait'));
      await gate.promise;
      return {};
    },
    async *watch(_params, call) {
      yield {};
      enter(call);
      await gate.promise;
    },
    whoami: async (_params, { caller }) => ({ address: caller.address ?? 'unknown' }),
  });
  return { service, goOn: gate.resolve, nextCall: () => begun.promise, cancelled: cancelled.promise, deferred };
}
