import assert from 'node:assert/strict';
import { runInHalves } from './halves.ts';

class BadItem extends Error {}

const isFaultOfItem = (error: unknown): boolean => error instanceof BadItem;

describe('running a batch in halves', () => {
  /** @returns what ran, in order, and what failed */
  async function run(items: readonly number[], bad: readonly number[], error: Error = new BadItem()) {
    const runs: (readonly number[])[] = [];
    const failed: (readonly number[])[] = [];
    const runItems = async (some: readonly number[]): Promise<void> => {
      runs.push(some);
      if (some.some((item) => bad.includes(item))) throw error;
    };
    await runInHalves(items, runItems, isFaultOfItem, (some) => failed.push(some));
    return { runs, failed };
  }

  it('runs all items once when none is bad', async () => {
    assert.deepEqual(await run([1, 2, 3], []), { runs: [[1, 2, 3]], failed: [] });
  });

  it('runs halves until each bad item fails alone, in order', async () => {
    const { runs, failed } = await run([1, 2, 3, 4, 5], [2, 5]);
    assert.deepEqual(failed, [[2], [5]]);
    assert.deepEqual(runs, [[1, 2, 3, 4, 5], [1, 2, 3], [1, 2], [1], [2], [3], [4, 5], [4], [5]]);
  });

  it('fails all items at once by an error that is no fault of an item', async () => {
    assert.deepEqual(await run([1, 2, 3], [2], new Error('no connection')), { runs: [[1, 2, 3]], failed: [[1, 2, 3]] });
  });

  it('runs no further half after an error of the handler of failures', async () => {
    const runs: (readonly number[])[] = [];
    const failing = runInHalves(
      [1, 2],
      async (items) => {
        runs.push(items);
        throw new BadItem();
      },
      isFaultOfItem,
      (_, error) => {
        throw error;
      },
    );
    await assert.rejects(failing, BadItem);
    assert.deepEqual(runs, [[1, 2], [1]]);
  });
});
