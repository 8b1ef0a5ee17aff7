import assert from 'node:assert/strict';
import { createTurns } from './turns.ts';

describe('Turns', () => {
  it('are limited in number, and granted first in, first out', async () => {
    const turns = createTurns(2);
    const [first, second] = [await turns.take(), turns.tryTake()];
    assert(second);
    assert.equal(turns.tryTake(), undefined);
    const served: string[] = [];
    const waiting = ['third', 'fourth'].map(async (name) => {
      const turn = await turns.take();
      served.push(name);
      return turn;
    });
    assert.equal(turns.waiting, 2);
    first[Symbol.dispose]();
    await waiting[0];
    assert.deepEqual(served, ['third']);
    second[Symbol.dispose]();
    await waiting[1];
    assert.deepEqual(served, ['third', 'fourth']);
    assert.equal(turns.waiting, 0);
  });

  it('go first to waiters of the first queue', async () => {
    const turns = createTurns(1);
    const turn = await turns.take();
    const served: string[] = [];
    const wait = async (name: string, isFirst: boolean) => {
      using _turn = await turns.take(undefined, isFirst);
      served.push(name);
    };
    const waiting = [wait('call', false), wait('next call', false), wait('background', true)];
    assert.equal(turns.waiting, 3);
    turn[Symbol.dispose]();
    await Promise.all(waiting);
    assert.deepEqual(served, ['background', 'call', 'next call']);
  });

  it('are released once, however often they are disposed', async () => {
    const turns = createTurns(1);
    const turn = await turns.take();
    turn[Symbol.dispose]();
    turn[Symbol.dispose]();
    assert(turns.tryTake());
    assert.equal(turns.tryTake(), undefined);
  });

  it('skip a waiter that has left the queue', async () => {
    const turns = createTurns(1);
    const turn = await turns.take();
    const leaver = new AbortController();
    const reason = new Error('the caller left');
    const leaving = turns.take(leaver.signal);
    const staying = turns.take();
    leaver.abort(reason);
    await assert.rejects(leaving, reason);
    assert.equal(turns.waiting, 1);
    turn[Symbol.dispose]();
    assert(await staying);
    await assert.rejects(turns.take(leaver.signal), reason);
  });
});
