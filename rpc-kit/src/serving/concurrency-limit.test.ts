import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { adaptiveLimit, type ConcurrencyLimit, fixedLimit, type Priority, type Slot } from './concurrency-limit.ts';

function fill(limit: ConcurrencyLimit, priority: Priority): Slot[] {
  const places: Slot[] = [];
  for (let place = limit.tryAcquire(priority, 'm'); place; place = limit.tryAcquire(priority, 'm')) places.push(place);
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
            const place = limit.tryAcquire(move, 'm');
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

describe('an adaptive limit', () => {
  let clock: sinon.SinonFakeTimers;

  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });

  afterEach(() => {
    clock.restore();
  });

  /** Fills the limit and lets all calls take the same time, again and again. */
  function run(limit: ConcurrencyLimit, rounds: number, msOf: (inFlight: number) => number, method = 'm'): void {
    for (let round = 0; round < rounds; round++) {
      const places: Slot[] = [];
      for (let place = limit.tryAcquire('high', method); place; place = limit.tryAcquire('high', method)) {
        places.push(place);
      }
      clock.tick(msOf(places.length));
      for (const place of places) place.release(true);
    }
  }

  it('grows while calls take as long as usual', () => {
    const limit = adaptiveLimit({ limitInitial: 20 });
    run(limit, 50, () => 100);
    assert.ok(limit.limit > 50, `it is ${limit.limit}`);
  });

  it('never grows above its maximum', () => {
    const limit = adaptiveLimit({ limitInitial: 20, limitMax: 30 });
    run(limit, 200, () => 100);
    assert.equal(limit.limit, 30);
  });

  it('shrinks when calls take much longer than usual, but not below its minimum', () => {
    const limit = adaptiveLimit({ limitInitial: 100, limitMin: 12 });
    run(limit, 30, () => 100);
    const before = limit.limit;
    run(limit, 5, () => 1_000);
    assert.ok(limit.limit < before * 0.8, `from ${before} to ${limit.limit}`);
    let worse = 1_000;
    run(limit, 60, () => {
      worse *= 1.3;
      return Math.min(worse, 1e9);
    });
    assert.ok(limit.limit >= 12);
  });

  it('finds about what a service can do that works on 40 calls at once and lets the others queue', () => {
    const limit = adaptiveLimit({ limitInitial: 10 });
    // All calls of a round end together; with more than 40 of them, each takes that much longer.
    run(limit, 400, (inFlight) => 100 * Math.max(1, inFlight / 40));
    assert.ok(limit.limit >= 40 && limit.limit <= 120, `it is ${limit.limit}`);
  });

  it('ignores samples while half of the slots are free', () => {
    const limit = adaptiveLimit({ limitInitial: 50 });
    for (let round = 0; round < 100; round++) {
      const place = limit.tryAcquire('high', 'm');
      clock.tick(100 + round * 50);
      place?.release(true);
    }
    assert.equal(limit.limit, 50);
  });

  it('is not misled by a change of the mix of quick and slow methods', () => {
    const limit = adaptiveLimit({ limitInitial: 50, limitMax: 60 });
    for (let round = 0; round < 20; round++) {
      run(limit, 1, () => 10, 'quick');
      run(limit, 1, () => 1_000, 'slow');
    }
    const before = limit.limit;
    run(limit, 20, () => 1_000, 'slow');
    assert.ok(limit.limit >= before, `from ${before} to ${limit.limit}`);
  });

  it('ignores calls that are no samples', () => {
    const limit = adaptiveLimit({ limitInitial: 20 });
    for (let round = 0; round < 30; round++) {
      const places = fill(limit, 'high');
      clock.tick(1_000);
      for (const place of places) place.release(false);
    }
    assert.equal(limit.limit, 20);
    assert.equal(limit.inFlight, 0);
  });

  it('reports its steps', () => {
    const steps: number[] = [];
    const limit = adaptiveLimit({ limitInitial: 20, onStep: (found) => steps.push(found) });
    run(limit, 5, () => 100);
    assert.equal(steps.length, 5);
    assert.ok((steps[4] as number) > (steps[0] as number));
  });
});
