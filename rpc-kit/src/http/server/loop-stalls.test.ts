import assert from 'node:assert/strict';
import sinon from 'sinon';
import { LoopStalls } from './loop-stalls.ts';

describe('stalls of the event loop', () => {
  let clock: sinon.SinonFakeTimers;
  let stalls: LoopStalls;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
    stalls = new LoopStalls(10_000);
    stalls.resume();
  });
  afterEach(() => {
    stalls.pause();
    clock.restore();
  });

  it('are none while timers fire in time', () => {
    clock.tick(60_000);
    assert.equal(stalls.within(10_000), 0);
  });

  it('last as long as the timer is late, also before it has fired', () => {
    clock.tick(1_000);
    clock.setSystemTime(Date.now());
    clock.jump(3_050);
    assert.equal(stalls.within(10_000), 3_000);
  });

  it('add up, and count no longer once they ended before the window', () => {
    clock.jump(1_050);
    clock.tick(2_000);
    clock.jump(500);
    assert.equal(stalls.within(10_000), 1_450);
    assert.equal(stalls.within(1_000), 450);
    clock.tick(20_000);
    assert.equal(stalls.within(10_000), 0);
  });

  it('are measured by a query that comes before the timer', () => {
    const late = new Promise<number>((resolve) => setTimeout(() => resolve(stalls.within(10_000)), 10));
    clock.jump(2_000);
    return late.then((ms) => assert.equal(ms, 1_950));
  });

  it('are not measured between a pause and the next resume', () => {
    stalls.pause();
    clock.tick(3_000);
    assert.equal(stalls.within(10_000), 0);
    stalls.resume();
    assert.equal(stalls.within(10_000), 0);
    clock.jump(1_050);
    assert.equal(stalls.within(10_000), 1_000);
  });
});
