import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import sinon from 'sinon';
import type { Notification } from '../domain/ports.ts';
import { cacheHistory, countHistoryReads } from './cache.ts';
import type { History } from './history.ts';

const context = new AbortController();
const at = new Date('2026-11-20T09:00:00.250Z');
const row: Notification = { eventID: 'a', orderID: 7n, seq: 1, user: 1n, status: 'new', at, text: 'It came.' };

describe('The cache of history', () => {
  let clock: sinon.SinonFakeTimers;
  let read: sinon.SinonStub<Parameters<History['read']>, Promise<Notification[]>>;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['performance'] });
    read = sinon.stub<Parameters<History['read']>, Promise<Notification[]>>().resolves([row]);
  });
  afterEach(() => clock.restore());

  const open = (given: { maxAgeMs?: number; notificationsMax?: number } = {}) =>
    cacheHistory({ read }, { maxAgeMs: 500, notificationsMax: 10, ...given });

  it('answers a repeated page without the database until it expires', async () => {
    const history = open();
    for (const afterMs of [0, 499, 1]) {
      clock.tick(afterMs);
      assert.deepEqual(await history.read({ user: 1n }, 10, undefined, context), [row]);
    }
    sinon.assert.calledTwice(read);
  });

  it('keeps pages by user, period, length and position', async () => {
    const history = open({ notificationsMax: 100 });
    const later = new Date(at.getTime() + 1);
    const asked: Parameters<History['read']>[] = [
      [{ user: 1n }, 10, undefined, context],
      [{ user: 2n }, 10, undefined, context],
      [{ user: 1n }, 11, undefined, context],
      [{ user: 1n, from: at }, 10, undefined, context],
      [{ user: 1n, to: at }, 10, undefined, context],
      [{ user: 1n, from: later }, 10, undefined, context],
      [{ user: 1n }, 10, { at, orderID: 7n, seq: 1 }, context],
      [{ user: 1n }, 10, { at, orderID: 7n, seq: 2 }, context],
    ];
    for (const question of [...asked, ...asked]) await history.read(...question);
    sinon.assert.callCount(read, asked.length);
  });

  it('reads again after a notification was stored, for its user only', async () => {
    const history = open();
    for (const user of [1n, 2n]) await history.read({ user }, 10, undefined, context);
    history.forget(1n);
    for (const user of [1n, 2n]) await history.read({ user }, 10, undefined, context);
    assert.deepEqual(
      read.args.map(([{ user }]) => user),
      [1n, 2n, 1n],
    );
  });

  it('does not keep a page that was read while a notification was stored', async () => {
    const history = open();
    const { promise, resolve } = Promise.withResolvers<Notification[]>();
    read.onFirstCall().returns(promise);
    const first = history.read({ user: 1n }, 10, undefined, context);
    history.forget(1n);
    resolve([]);
    assert.deepEqual(await first, []);
    assert.deepEqual(await history.read({ user: 1n }, 10, undefined, context), [row]);
  });

  it('evicts the pages of the users read longest ago', async () => {
    const history = open({ notificationsMax: 2 });
    const ask = (user: bigint) => history.read({ user }, 10, undefined, context);
    for (const user of [1n, 2n, 3n]) await ask(user);
    read.resetHistory();
    for (const user of [3n, 2n]) await ask(user);
    sinon.assert.notCalled(read);
    await ask(1n);
    sinon.assert.calledOnce(read);
  });

  it('keeps no more notifications than it may, however few pages have them', async () => {
    const history = open({ notificationsMax: 5 });
    read.resolves([row, row, row]);
    const ask = (limit: number) => history.read({ user: 1n }, limit, undefined, context);
    for (const limit of [3, 4]) await ask(limit);
    read.resetHistory();
    await ask(4);
    sinon.assert.calledOnce(read);
  });

  it('keeps nothing if the age is 0, and no failure', async () => {
    const off = open({ maxAgeMs: 0 });
    for (let time = 0; time < 2; time++) await off.read({ user: 1n }, 10, undefined, context);
    sinon.assert.calledTwice(read);
    const history = open();
    read.onThirdCall().rejects(new Error('the database is unavailable'));
    await assert.rejects(history.read({ user: 1n }, 10, undefined, context));
    assert.deepEqual(await history.read({ user: 1n }, 10, undefined, context), [row]);
  });

  it('counts hits and misses', async () => {
    const registry = new Registry();
    const history = cacheHistory({ read }, { maxAgeMs: 500, notificationsMax: 1, onRead: countHistoryReads(registry) });
    for (let time = 0; time < 3; time++) await history.read({ user: 1n }, 10, undefined, context);
    const text = await registry.metrics();
    assert.match(text, /^notifications_history_reads_total\{source="cache"\} 2$/m);
    assert.match(text, /^notifications_history_reads_total\{source="database"\} 1$/m);
  });
});
