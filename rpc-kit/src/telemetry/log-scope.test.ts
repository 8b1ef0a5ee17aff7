import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { logScope, runInLogScope } from './log-scope.ts';

describe('the log scope', () => {
  it('has no fields outside of any call', () => {
    assert.deepEqual(logScope(), {});
  });

  it('has its fields all through a call, also after it has waited', async () => {
    await runInLogScope({ request_id: 'r1' }, async () => {
      assert.deepEqual(logScope(), { request_id: 'r1' });
      await setImmediate();
      assert.deepEqual(logScope(), { request_id: 'r1' });
    });
    assert.deepEqual(logScope(), {});
  });

  it('adds the fields of an inner scope to those of the outer one', () => {
    runInLogScope({ request_id: 'r1', a: '1' }, () => {
      runInLogScope({ request_id: 'r2', b: '2' }, () => {
        assert.deepEqual(logScope(), { request_id: 'r2', a: '1', b: '2' });
      });
      assert.deepEqual(logScope(), { request_id: 'r1', a: '1' });
    });
  });

  it('is a copy, which the fields of a log line may be added to', () => {
    runInLogScope({ request_id: 'r1' }, () => {
      Object.assign(logScope(), { level: 'info' });
      assert.deepEqual(logScope(), { request_id: 'r1' });
    });
  });

  it('keeps calls that run side by side apart', async () => {
    const scopes = await Promise.all(
      ['r1', 'r2', 'r3'].map((request_id) =>
        runInLogScope({ request_id }, async () => {
          await setImmediate();
          return logScope().request_id;
        }),
      ),
    );
    assert.deepEqual(scopes, ['r1', 'r2', 'r3']);
  });
});
