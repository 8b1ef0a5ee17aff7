import assert from 'node:assert/strict';
import { createTurns } from './turns.ts';

describe('Turns', () => {
  it('are had by so many at a time, and by the next ones in the order in which they came', async () => {
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

  it('are given back once, however often that is said', async () => {
    const turns = createTurns(1);
    const turn = await turns.take();
    turn[Symbol.dispose]();
    turn[Symbol.dispose]();
    assert(turns.tryTake());
    assert.equal(turns.tryTake(), undefined);
  });

  it('pass by who has left the queue', async () => {
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
