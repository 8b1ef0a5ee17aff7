import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { loms } from 'loms/contract.ts';
import { createClient, fail, type Handlers, implement, RpcError } from 'rpc-kit';
import { type RecordedCall, recordCalls } from './recorder.ts';

const { cancelOrder, createOrder } = loms.methods;
const items = [{ sku: 1, count: 1 }];

function record(handlers: Partial<Handlers<typeof loms.methods>>) {
  const unexpected = async () => {
    throw new Error('not in this test');
  };
  const all = Object.fromEntries(Object.keys(loms.methods).map((method) => [method, unexpected]));
  const client = createClient(loms, implement(loms, { ...all, ...handlers } as Handlers<typeof loms.methods>));
  const calls: RecordedCall[] = [];
  const caller = { name: 'a user', before: async () => {}, record: (call: RecordedCall) => calls.push(call) };
  return { client: recordCalls(loms, client, caller), calls };
}

const failing = (error: unknown) => ({
  async cancelOrder() {
    throw error;
  },
});

describe('a recorded call', () => {
  it('is ok with its answer, client, method and times', async () => {
    const { client, calls } = record({ createOrder: async () => ({ orderID: 9_223_372_036_854_775_807n }) });
    const params = { user: 5n, items };
    const outcome = await client.createOrder(params);
    assert.deepEqual(outcome, { result: 'ok', answer: { orderID: 9_223_372_036_854_775_807n } });
    const [call] = calls;
    assert.ok(call);
    assert.deepEqual([call.client, call.method, call.params, call.outcome], ['a user', 'createOrder', params, outcome]);
    assert.ok(call.startedAt <= call.endedAt && call.elapsedMs >= 0);
  });

  it('is a refusal when it fails for a reason that the contract declares', async () => {
    const { client } = record(failing(fail(cancelOrder, 'order_not_cancellable', { status: 'payed' })));
    assert.deepEqual(await client.cancelOrder({ orderID: 1n }), {
      result: 'fail',
      code: 'failed_precondition',
      reason: 'order_not_cancellable',
      details: { status: 'payed' },
    });
  });

  for (const code of ['unavailable', 'resource_exhausted', 'aborted', 'internal'] as const) {
    it(`is of unknown outcome when the answer is a bare ${code}`, async () => {
      const { client } = record(failing(new RpcError(code, 'No', { retryAfterMs: 500 })));
      const outcome = await client.cancelOrder({ orderID: 1n });
      assert.ok(outcome.result === 'info');
      assert.deepEqual([outcome.code, outcome.retryAfterMs], [code, 500]);
    });
  }

  it('is of unknown outcome when the reason is of another method', async () => {
    const error = fail(createOrder, 'idempotency_conflict');
    const { client } = record(failing(error));
    assert.equal((await client.cancelOrder({ orderID: 1n })).result, 'info');
  });

  it('is of unknown outcome when it exceeds its deadline', async () => {
    const { client } = record({ stocks: (_params, call) => sleep(60_000, { stocks: [] }, { signal: call.signal }) });
    const outcome = await client.stocks({ sku: 1 }, { timeoutMs: 5 });
    assert.ok(outcome.result === 'info' && outcome.code === 'deadline_exceeded');
  });

  it('is of unknown outcome when the caller cancels', async () => {
    const leaving = new AbortController();
    const { client, calls } = record({
      stocks(_params, call) {
        leaving.abort();
        return sleep(60_000, { stocks: [] }, { signal: call.signal });
      },
    });
    const outcome = await client.stocks({ sku: 1 }, { signal: leaving.signal });
    assert.ok(outcome.result === 'info' && outcome.code === 'cancelled');
    assert.equal(calls.length, 1);
  });
});
