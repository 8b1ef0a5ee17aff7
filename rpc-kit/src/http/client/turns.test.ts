import assert from 'node:assert/strict';
import { Turns } from './turns.ts';

describe('turns', () => {
  let begun: number[];
  beforeEach(() => {
    begun = [];
  });

  it('begin up to the limit at once, and the others in order as turns end', () => {
    const turns = new Turns(2);
    for (const number of [1, 2, 3, 4]) turns.enter(() => begun.push(number));
    assert.deepEqual(begun, [1, 2]);
    turns.end();
    assert.deepEqual(begun, [1, 2, 3]);
    turns.end();
    assert.deepEqual(begun, [1, 2, 3, 4]);
  });

  it('pass by a request that has left', () => {
    const turns = new Turns(1);
    const second = () => begun.push(2);
    turns.enter(() => begun.push(1));
    turns.enter(second);
    turns.enter(() => begun.push(3));
    assert.equal(turns.leave(second), true);
    assert.equal(turns.leave(second), false);
    turns.end();
    assert.deepEqual(begun, [1, 3]);
  });

  it('are free to those who try, unless others wait', () => {
    const turns = new Turns(2);
    assert.deepEqual([turns.tryEnter(), turns.tryEnter(), turns.tryEnter()], [true, true, false]);
    turns.enter(() => begun.push(1));
    turns.end();
    assert.deepEqual(begun, [1]);
    turns.end();
    assert.equal(turns.tryEnter(), true);
  });

  it('that end before they have begun let 100,000 others follow without a deep stack', () => {
    const turns = new Turns(1);
    turns.enter(() => {});
    for (let number = 0; number < 100_000; number++) {
      turns.enter(() => {
        begun.push(number);
        turns.end();
      });
    }
    turns.end();
    assert.equal(begun.length, 100_000);
  });
});
