import assert from 'node:assert/strict';
import sinon from 'sinon';
import { AT } from '../test/port-stubs.ts';
import { createChangeFeed, type PolledFeed } from './change-feed.ts';
import type { ChangeReader, OrderStatus } from './domain/ports.ts';

type Found = Awaited<ReturnType<ChangeReader['behind']>>;

const change = (orderID: bigint, seq: number, status: OrderStatus = 'payed') => ({ orderID, seq, status, at: AT });

describe('The feed of changes', () => {
  let clock: sinon.SinonFakeTimers;
  let behind: sinon.SinonStub<Parameters<ChangeReader['behind']>, Promise<Found>>;
  let onWork: sinon.SinonSpy;
  let feed: PolledFeed;
  const { signal } = new AbortController();

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['performance'] });
    behind = sinon.stub<Parameters<ChangeReader['behind']>, Promise<Found>>().resolves([]);
    onWork = sinon.spy();
    feed = createChangeFeed({ behind }, onWork);
  });
  afterEach(() => clock.restore());

  const watch = (orderID: bigint, seq = 2, own = { signal }) => feed.behind({ orderID, seq }, own);
  const read = () => behind.args.map(([places]) => places.map(({ orderID, seq }) => `${orderID}/${seq}`));
  const round = () => feed.round(signal);

  it('reads nothing while no order is watched, also when orders change', async () => {
    feed.wake([1n, 2n]);
    assert.equal(await round(), false);
    clock.tick(1_000);
    assert.equal(await round(), false);
    assert.deepEqual([read(), onWork.callCount], [[], 0]);
  });

  it('reads all watched orders together at each tick, from the earliest of their places', async () => {
    for (const [orderID, seq] of [
      [1n, 2],
      [2n, 1],
      [1n, 1],
    ] as const)
      void watch(orderID, seq);
    assert.equal(await round(), 1_000);
    clock.tick(400);
    assert.equal(await round(), 600);
    clock.tick(600);
    assert.equal(await round(), 1_000);
    assert.deepEqual(read(), [
      ['1/1', '2/1'],
      ['1/1', '2/1'],
    ]);
  });

  it('gives each watcher what is behind its own place', async () => {
    behind.resolves([change(1n, 2, 'awaiting payment'), change(1n, 3), change(2n, 3)]);
    const watched = Promise.all([watch(1n, 1), watch(1n, 2), watch(2n, 2)]);
    assert.equal(await round(), false);
    const [first, second, other] = await watched;
    assert.deepEqual(
      [first, second, other].map((changes) => changes.map(({ seq }) => seq)),
      [[2, 3], [3], [3]],
    );
    assert.deepEqual(second, [{ seq: 3, status: 'payed', at: AT }]);
  });

  it('asks for a round, which reads nothing else, when this process changes a watched order or begins to watch one', async () => {
    void watch(1n);
    void watch(2n);
    await round();
    onWork.resetHistory();
    feed.wake([2n, 3n]);
    assert.equal(onWork.callCount, 1);
    await round();
    void watch(4n);
    assert.equal(onWork.callCount, 2);
    await round();
    feed.wake([3n]);
    assert.equal(onWork.callCount, 2);
    await round();
    assert.deepEqual(read(), [['1/2', '2/2'], ['2/2'], ['4/2']]);
  });

  it('reads an order no more when its watchers have left, with the reason of each', async () => {
    const leaving = new AbortController();
    const left = [assert.rejects(watch(1n, 2, leaving), /gone/), assert.rejects(watch(1n, 3, leaving), /gone/)];
    void watch(2n);
    leaving.abort(new Error('gone'));
    await Promise.all(left);
    await assert.rejects(watch(1n, 2, leaving), /gone/);
    await round();
    assert.deepEqual(read(), [['2/2']]);
  });

  it('reads at the next tick what a reading that failed did not find', async () => {
    behind.onFirstCall().rejects(new Error('no connection'));
    behind.onSecondCall().resolves([change(1n, 3)]);
    const changes = watch(1n);
    await assert.rejects(round(), /no connection/);
    clock.tick(1_000);
    await round();
    assert.equal((await changes).length, 1);
  });
});
