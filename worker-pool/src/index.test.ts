import assert from 'node:assert/strict';
import fc from 'fast-check';
import { runInPool } from './index.ts';

const none = new AbortController().signal;

describe('runInPool', () => {
  it('returns the results in the order of the items, however long each takes', async () => {
    const gates = [1, 2, 3].map(() => Promise.withResolvers<void>());
    const results = runInPool([0, 1, 2], (item) => gates[item]?.promise.then(() => item * 10) as Promise<number>, {
      concurrency: 3,
    });
    for (const gate of gates.toReversed()) gate.resolve();
    assert.deepEqual(await results, [0, 10, 20]);
  });

  it('returns an empty list for no items', async () => {
    assert.deepEqual(await runInPool([], async () => 1, { concurrency: 5 }), []);
  });

  it('never exceeds its concurrency, and processes each item exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 30 }),
        async (concurrency, turns) => {
          let busy = 0;
          let busiest = 0;
          const done: number[] = [];
          const items = turns.map((count, index) => ({ count, index }));
          await runInPool(
            items,
            async ({ count, index }) => {
              busiest = Math.max(busiest, ++busy);
              for (let turn = 0; turn < count; turn++) await Promise.resolve();
              busy -= 1;
              done.push(index);
            },
            { concurrency },
          );
          assert.ok(busiest <= concurrency);
          assert.deepEqual(
            done.toSorted((a, b) => a - b),
            items.map(({ index }) => index),
          );
        },
      ),
    );
  });

  it('starts no further item after the first failure, aborts the others and fails with it', async () => {
    const started: number[] = [];
    const failure = new Error('the second one broke');
    const work = async (item: number, signal: AbortSignal): Promise<void> => {
      started.push(item);
      if (item === 1) throw failure;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    };
    await assert.rejects(runInPool([0, 1, 2, 3], work, { concurrency: 2 }), failure);
    assert.deepEqual(started, [0, 1]);
  });

  it('ends only when every worker has stopped', async () => {
    let running = 0;
    const work = async (item: number, signal: AbortSignal): Promise<void> => {
      running += 1;
      if (item === 0) {
        running -= 1;
        throw new Error('broke');
      }
      await new Promise<void>((resolve) =>
        signal.addEventListener('abort', () => setImmediate(resolve), { once: true }),
      );
      running -= 1;
    };
    // The failing item comes last, so that the other is in flight when it fails.
    await assert.rejects(runInPool([1, 0], work, { concurrency: 2 }));
    assert.equal(running, 0);
  });

  it('stops when the signal from outside aborts, with its reason', async () => {
    const outside = new AbortController();
    const reason = new Error('the caller left');
    const started: number[] = [];
    const work = async (item: number, signal: AbortSignal): Promise<void> => {
      started.push(item);
      outside.abort(reason);
      assert.equal(signal.aborted, true);
    };
    await assert.rejects(runInPool([0, 1, 2], work, { concurrency: 1, signal: outside.signal }), reason);
    assert.deepEqual(started, [0]);
  });

  it('starts nothing when the signal was aborted before', async () => {
    const reason = new Error('too late');
    const work = async (): Promise<never> => assert.fail('was started');
    await assert.rejects(runInPool([1], work, { concurrency: 1, signal: AbortSignal.abort(reason) }), reason);
  });

  it('refuses a concurrency below one', async () => {
    await assert.rejects(
      runInPool([1], async () => 1, { concurrency: 0, signal: none }),
      RangeError,
    );
  });
});
