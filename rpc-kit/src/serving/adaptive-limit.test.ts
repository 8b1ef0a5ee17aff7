import assert from 'node:assert/strict';
import sinon from 'sinon';
import { adaptiveLimit } from './adaptive-limit.ts';
import type { ConcurrencyLimit, Priority, Slot } from './concurrency-limit.ts';

const TIMEOUT_MS = 1_000;
/** Its share of the timeout. */
const TARGET_MS = 150;

function fill(limit: ConcurrencyLimit, priority: Priority, timeoutMs = TIMEOUT_MS): Slot[] {
  const slots: Slot[] = [];
  for (let slot = limit.tryAcquire(priority, timeoutMs); slot; slot = limit.tryAcquire(priority, timeoutMs)) {
    slots.push(slot);
  }
  return slots;
}

describe('an adaptive limit', () => {
  let clock: sinon.SinonFakeTimers;

  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });

  afterEach(() => {
    clock.restore();
  });

  /** Keeps the limit full: each call takes this long, and the next one follows it. */
  function run(limit: ConcurrencyLimit, rounds: number, ms: number, timeoutMs = TIMEOUT_MS): void {
    const replace = (isSample: boolean) => (slot: Slot) => {
      slot.release(isSample);
      return fill(limit, 'high', timeoutMs);
    };
    let slots = fill(limit, 'high', timeoutMs).flatMap(replace(false));
    for (let round = 0; round < rounds; round++) {
      clock.tick(ms);
      slots = slots.flatMap(replace(true));
    }
    for (const slot of slots) slot.release(false);
  }

  it('doubles while it is far too low, and never grows above its maximum', () => {
    const steps: number[] = [];
    const limit = adaptiveLimit({ limitInitial: 20, limitMax: 130, onStep: (found) => steps.push(found) });
    run(limit, 10, 50);
    assert.deepEqual([steps[0], steps.at(-1)], [40, 130]);
  });

  it('shrinks when calls take much longer than their share of the timeout, but not below its minimum', () => {
    const limit = adaptiveLimit({ limitInitial: 100, limitMin: 12 });
    run(limit, 1, TARGET_MS * 2);
    const after = limit.limit;
    assert.ok(after < 90, `it is ${after}`);
    run(limit, 60, TARGET_MS * 50);
    assert.equal(limit.limit, 12);
  });

  it('does not grow by a few short calls that end while long ones fill it', () => {
    const limit = adaptiveLimit({ limitInitial: 100 });
    fill(limit, 'high');
    const short = [...fill(limit, 'normal'), ...fill(limit, 'low')];
    clock.tick(60);
    for (const slot of short) slot.release(true);
    assert.deepEqual([short.length, limit.limit], [15, 100]);
  });

  it('ignores samples while half of the slots are free', () => {
    const limit = adaptiveLimit({ limitInitial: 50 });
    for (let round = 0; round < 100; round++) {
      const slot = limit.tryAcquire('high', TIMEOUT_MS);
      clock.tick(100 + round * 50);
      slot?.release(true);
    }
    assert.equal(limit.limit, 50);
  });

  it('judges each call by its own timeout', () => {
    const limit = adaptiveLimit({ limitInitial: 50, limitMax: 60 });
    run(limit, 20, TARGET_MS * 2, TIMEOUT_MS * 10);
    assert.equal(limit.limit, 60);
    run(limit, 20, TARGET_MS * 2);
    assert.ok(limit.limit < 60);
  });

  it('ignores calls that are no samples', () => {
    const limit = adaptiveLimit({ limitInitial: 20 });
    for (let round = 0; round < 30; round++) {
      const slots = fill(limit, 'high');
      clock.tick(1_000);
      for (const slot of slots) slot.release(false);
    }
    assert.equal(limit.limit, 20);
    assert.equal(limit.inFlight, 0);
  });

  it('serves some calls of lower priorities while higher ones fill it, and no more than that', () => {
    const limit = adaptiveLimit({ limitInitial: 100 });
    assert.equal(fill(limit, 'high').length, 100);
    assert.equal(fill(limit, 'normal').length, 10);
    assert.equal(fill(limit, 'low').length, 5);
    assert.equal(fill(limit, 'high').length, 0);
    assert.equal(limit.inFlight, 115);
  });

  it('serves a share of calls of lower priorities while higher ones fill it, however short they are', () => {
    const limit = adaptiveLimit({ limitInitial: 100 });
    let high = fill(limit, 'high');
    for (const slot of fill(limit, 'low')) slot.release(false);
    assert.equal(limit.tryAcquire('low', TIMEOUT_MS), undefined);
    for (const slot of high.splice(0, 70)) slot.release(false);
    high = fill(limit, 'high');
    assert.deepEqual([high.length, fill(limit, 'low').length], [70, 3]);
  });
});
