import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ConcurrencyLimit, fixedLimit, type Priority, type Slot } from './concurrency-limit.ts';

function fill(limit: ConcurrencyLimit, priority: Priority): Slot[] {
  const places: Slot[] = [];
  for (let place = limit.tryAcquire(priority, 1_000); place; place = limit.tryAcquire(priority, 1_000)) {
    places.push(place);
  }
  return places;
}

describe('a fixed limit', () => {
  it('grants as many slots as its limit and takes them back', () => {
    const limit = fixedLimit(3);
    const places = fill(limit, 'high');
    assert.equal(places.length, 3);
    places[0]?.release(true);
    assert.equal(limit.inFlight, 2);
    assert.equal(fill(limit, 'high').length, 1);
  });

  it('keeps room free for those of higher priority', () => {
    const limit = fixedLimit(10);
    assert.equal(fill(limit, 'low').length, 7);
    assert.equal(limit.hasRoom('low'), false);
    assert.equal(fill(limit, 'normal').length, 2);
    assert.equal(fill(limit, 'high').length, 1);
    assert.equal(limit.hasRoom('high'), false);
  });

  it('has room for one call of any priority, however small it is', () => {
    for (const priority of ['low', 'normal', 'high'] as const) assert.equal(fill(fixedLimit(1), priority).length, 1);
  });

  it('never has more in flight than its limit', () => {
    const steps = fc.array(fc.oneof(fc.constantFrom<Priority>('low', 'normal', 'high'), fc.constant('leave' as const)));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), steps, (max, moves) => {
        const limit = fixedLimit(max);
        const places: Slot[] = [];
        for (const move of moves) {
          if (move === 'leave') places.pop()?.release(true);
          else {
            const place = limit.tryAcquire(move, 1_000);
            assert.equal(place !== undefined || limit.inFlight > 0, true);
            if (place) places.push(place);
          }
          assert.ok(limit.inFlight <= max);
          assert.equal(limit.inFlight, places.length);
        }
      }),
    );
  });
});
