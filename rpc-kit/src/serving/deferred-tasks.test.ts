import assert from 'node:assert/strict';
import sinon from 'sinon';
import { testCall } from '../testing.ts';
import { createDeferredTasks } from './deferred-tasks.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('deferred tasks', () => {
  it('begin after the turn in which they were started', async () => {
    const tasks = createDeferredTasks();
    const task = sinon.stub().resolves();
    tasks.start(testCall(), [task]);
    assert.equal(task.callCount, 0);
    await turn();
    await turn();
    assert.equal(task.callCount, 1);
    assert.equal(tasks.underWay, 0);
  });

  it('that fail, even before they return a promise, are reported with their call', async () => {
    const failed = sinon.spy();
    const tasks = createDeferredTasks({ failed });
    const call = testCall({ requestId: 'r-1' });
    const thrower = (): never => {
      throw new Error('at once');
    };
    tasks.start(call, [thrower, () => Promise.reject(new Error('later'))]);
    await tasks.drain(1_000);
    assert.deepEqual(
      failed.args.map(([event]) => [event.call.requestId, event.error.message]),
      [
        ['r-1', 'at once'],
        ['r-1', 'later'],
      ],
    );
  });

  it('are dropped and reported when too many are running', async () => {
    const dropped = sinon.spy();
    const tasks = createDeferredTasks({ dropped }, 2);
    const { promise, resolve } = Promise.withResolvers<void>();
    tasks.start(testCall(), [() => promise, () => promise, () => promise]);
    assert.equal(tasks.underWay, 2);
    assert.equal(dropped.callCount, 1);
    resolve();
    await tasks.drain(1_000);
    assert.equal(tasks.underWay, 0);
  });

  it('are waited for when the service drains, but not for ever', async () => {
    const clock = sinon.useFakeTimers();
    try {
      const tasks = createDeferredTasks();
      tasks.start(testCall(), [() => new Promise(() => {})]);
      const drained = tasks.drain(3_000);
      await clock.tickAsync(2_999);
      assert.equal(await Promise.race([drained.then(() => 'drained'), Promise.resolve('waiting')]), 'waiting');
      await clock.tickAsync(1);
      await drained;
    } finally {
      clock.restore();
    }
  });
});
