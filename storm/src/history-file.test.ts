import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadHistory } from 'invariants';
import { createHistoryFile, toOperation } from './history-file.ts';
import type { RecordedCall } from './recorder.ts';

const call: RecordedCall = {
  client: 'user-1a',
  method: 'purchase',
  params: { user: 9_223_372_036_854_775_807n, idempotencyKey: 'k' },
  outcome: { result: 'ok', answer: { orderID: 9_007_199_254_740_993n } },
  startedAt: new Date('2026-01-02T03:04:05.678Z'),
  endedAt: new Date('2026-01-02T03:04:05.789Z'),
  elapsedMs: 111,
};

describe('the history of a storm', () => {
  it('is read by the checker with every digit as it was written', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'storm-'));
    try {
      const history = await createHistoryFile(join(folder, 'new', 'history.jsonl'));
      history.add(call);
      history.add({
        ...call,
        outcome: { result: 'info', code: 'unavailable', message: 'No', retryAfterMs: undefined },
      });
      await history.close();
      const [first, second] = await loadHistory(history.path);
      assert.deepEqual(first, toOperation(call));
      assert.ok(second?.result === 'info' && second.reason === 'unavailable');
      await assert.rejects(createHistoryFile(history.path), { name: 'Failure', message: /exists already: name a new/ });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('names the file that cannot be created, and what to do', async () => {
    const foreign = import.meta.filename;
    await assert.rejects(createHistoryFile(join(foreign, 'new', 'history.jsonl')), {
      name: 'Failure',
      message: /history\.jsonl cannot be created \(EEXIST\): name a new file by HISTORY, or unset it\.$/,
    });
  });

  it('gives the reason of a refusal, with its details', () => {
    const details = { status: 'payed' };
    const outcome = { result: 'fail', code: 'failed_precondition', reason: 'order_not_cancellable', details } as const;
    const operation = toOperation({ ...call, method: 'cancelOrder', params: { orderID: 3n }, outcome });
    assert.ok(operation.result === 'fail');
    assert.deepEqual([operation.key, operation.code, operation.data], ['3', 'order_not_cancellable', details]);
  });

  it('records a cancelled call as aborted by the client', () => {
    const outcome = { result: 'info', code: 'cancelled', message: '', retryAfterMs: undefined } as const;
    const operation = toOperation({ ...call, outcome });
    assert.ok(operation.result === 'info' && operation.reason === 'aborted by client');
  });
});
