import assert from 'node:assert/strict';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { openLoop } from './open-loop.ts';

describe('An open loop', () => {
  let clock: SinonFakeTimers;
  beforeEach(() => {
    clock = useFakeTimers();
  });
  afterEach(() => clock.restore());

  /** Each lane is busy for so many milliseconds. */
  const laneOf = (busyMs: number) => () =>
    new Promise<boolean>((resolve) => {
      setTimeout(() => resolve(true), busyMs);
    });

  /** Ten pieces a second for a second. @returns the milliseconds from due to done, by piece */
  async function run(lanes: number, busyMs: number) {
    const latencies: number[] = [];
    const running = openLoop({
      lanes: Array.from({ length: lanes }, () => laneOf(busyMs)),
      perSecond: 10,
      seconds: 1,
      onEnd: (succeeded, ms) => latencies.push(succeeded ? ms : Number.NaN),
    });
    await clock.tickAsync(10_000);
    return { latencies, ...(await running) };
  }

  it('offers work at a steady pace, however long the work before takes', async () => {
    const { offered, dropped, latencies, from, to } = await run(10, 700);
    assert.deepEqual({ offered, dropped, done: latencies.length }, { offered: 10, dropped: 0, done: 10 });
    assert.ok(
      latencies.every((ms) => ms >= 700 && ms < 703),
      String(latencies),
    );
    assert.ok(to - from >= 900 && to - from < 905, String(to - from));
  });

  it('counts the wait for a lane as part of the latency', async () => {
    const { latencies } = await run(1, 150);
    // Each piece is 50 ms later than the one before.
    for (const [index, ms] of latencies.entries()) assert.ok(Math.abs(ms - (150 + 50 * index)) < 15, String(latencies));
  });

  it('starts nothing more once it is ended, and awaits what has begun', async () => {
    const over = new AbortController();
    let done = 0;
    const running = openLoop({
      lanes: [laneOf(300)],
      perSecond: 10,
      seconds: 60,
      over: over.signal,
      onEnd: () => done++,
    });
    await clock.tickAsync(250);
    over.abort();
    await clock.tickAsync(1_000);
    const { offered, dropped } = await running;
    assert.deepEqual({ offered, dropped, done }, { offered: 3, dropped: 2, done: 1 });
  });
});
