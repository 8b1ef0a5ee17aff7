import assert from 'node:assert/strict';
import sinon from 'sinon';
import { z } from 'zod';
import type { Call, Emit, Next } from '../call.ts';
import type { MethodContract } from '../contract.ts';
import { RpcError } from '../rpc-error.ts';
import { stream } from '../stream.ts';
import { testCall } from '../testing.ts';
import { retry } from './retry.ts';
import { createRetryBudget } from './retry-budget.ts';

const item = z.object({ nr: z.int() });
const contract: MethodContract = {
  summary: 'x',
  params: z.strictObject({ topic: z.string(), after: z.int().optional() }),
  result: stream(item, { id: 'nr', resume: 'after' }),
  timeoutMs: 1_000,
  reads: true,
  example: { params: {}, result: {} },
};

const broken = () => new RpcError('unavailable', 'broke off');

describe('A stream that breaks off', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    assert.equal(clock.countTimers(), 0);
    clock.restore();
  });

  /** Each attempt sends its items and breaks off; the last one ends. */
  async function run(attempts: readonly (readonly number[])[], own: Partial<MethodContract> = {}) {
    const params: unknown[] = [];
    const items: unknown[] = [];
    const next: Next = async (call: Call) => {
      const sent = attempts[params.push(call.params) - 1] ?? [];
      for (const nr of sent) await (call.emit as Emit)({ nr });
      if (params.length < attempts.length) throw broken();
    };
    const emit: Emit = async (sent) => void items.push((sent as { nr: number }).nr);
    const call = testCall({ contract: { ...contract, ...own }, params: { topic: 'a' }, emit });
    const done = retry({ budget: createRetryBudget({ ratio: 1, perSecondMin: 100 }), random: () => 0.5 })(next)(call);
    const outcome = done.then(
      () => 'ended',
      (error: RpcError) => error.message,
    );
    await clock.runAllAsync();
    return { params, items, outcome: await outcome };
  }

  it('continues after its last item, which the caller gets once', async () => {
    const { params, items, outcome } = await run([[], [1, 2], [3], []]);
    assert.deepEqual(params, [{ topic: 'a' }, { topic: 'a' }, { topic: 'a', after: 2 }, { topic: 'a', after: 3 }]);
    assert.deepEqual([items, outcome], [[1, 2, 3], 'ended']);
  });

  it('is called again as often as it brings items, and three times without', async () => {
    assert.equal((await run([[1], [2], [3], [4], [5], []])).outcome, 'ended');
    const { params, outcome } = await run([[1], [], [], []]);
    assert.deepEqual([params.length, outcome], [3, 'broke off']);
  });

  it('is not called again behind an item when the contract does not say how to resume it', async () => {
    const { params, outcome } = await run([[1], []], { result: stream(item) });
    assert.deepEqual([params.length, outcome], [1, 'broke off']);
    assert.equal((await run([[], [1]], { result: stream(item) })).outcome, 'ended');
  });
});
