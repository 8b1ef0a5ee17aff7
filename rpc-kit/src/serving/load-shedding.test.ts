import assert from 'node:assert/strict';
import sinon from 'sinon';
import { z } from 'zod';
import type { Next } from '../call.ts';
import type { MethodContract } from '../contract.ts';
import { RpcError } from '../rpc-error.ts';
import { testCall } from '../testing.ts';
import { fixedLimit } from './concurrency-limit.ts';
import { shedLoad } from './load-shedding.ts';

const contract = (more: Partial<MethodContract>): MethodContract => ({
  summary: 'x',
  params: z.strictObject({}),
  result: z.object({}),
  timeoutMs: 100,
  example: { params: {}, result: {} },
  ...more,
});

/** Calls that end on release. */
function held(): { next: Next; release: () => void } {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  return { next: () => promise, release: () => resolve({}) };
}

const isPushBack = (error: unknown): boolean =>
  error instanceof RpcError &&
  error.code === 'unavailable' &&
  error.reason === 'overloaded' &&
  error.retryAfterMs === 1_000;

describe('shedLoad', () => {
  it('refuses a call that finds no slot, before any work, and reports it', async () => {
    const shed = sinon.spy();
    const { next, release } = held();
    const work = sinon.spy(next);
    const guarded = shedLoad(fixedLimit(1), { shed })(work);
    const first = guarded(testCall());
    await assert.rejects(guarded(testCall({ method: 'second' })), isPushBack);
    assert.equal(work.callCount, 1);
    assert.equal(shed.firstCall.args[0].call.method, 'second');
    release();
    await first;
    await guarded(testCall());
  });

  it('releases the slot when a call fails', async () => {
    const failure = new RpcError('internal', 'broke');
    const guarded = shedLoad(fixedLimit(1))(async () => {
      throw failure;
    });
    await assert.rejects(guarded(testCall()), failure);
    await assert.rejects(guarded(testCall()), failure);
  });

  it('refuses browsing while paying still finds a slot', async () => {
    const { next, release } = held();
    const guarded = shedLoad(fixedLimit(10))(next);
    const browsing = testCall({ contract: contract({ priority: 'low' }) });
    const paying = testCall({ contract: contract({ priority: 'high' }) });
    const taken = Array.from({ length: 7 }, () => guarded(browsing));
    await assert.rejects(guarded(browsing), isPushBack);
    taken.push(guarded(paying));
    release();
    await Promise.all(taken);
  });

  it('lets a stream take no slot, and no sample of how busy the service is', async () => {
    const { next, release } = held();
    const limit = fixedLimit(1);
    const guarded = shedLoad(limit)(next);
    const open = guarded(testCall({ emit: async () => {} }));
    assert.equal(limit.inFlight, 0);
    const call = guarded(testCall());
    await assert.rejects(guarded(testCall({ emit: async () => {} })), isPushBack);
    release();
    await Promise.all([open, call]);
  });

  it('refuses a stream beyond a thousand open ones, until one of them ends', async () => {
    const shed = sinon.spy();
    const { next, release } = held();
    const guarded = shedLoad(fixedLimit(1), { shed })(next);
    const stream = () => guarded(testCall({ emit: async () => {} }));
    const open = Array.from({ length: 1_000 }, stream);
    await assert.rejects(stream(), isPushBack);
    assert.equal(shed.callCount, 1);
    release();
    await Promise.all(open);
    await stream();
  });
});
