import assert from 'node:assert/strict';
import sinon from 'sinon';
import { RpcError } from '../rpc-error.ts';
import { adaptiveLimit } from './adaptive-limit.ts';
import { type ConcurrencyLimit, PRIORITIES, type Priority, type Slot } from './concurrency-limit.ts';

const TIMEOUT_MS = 1_000;
const LIMIT = 20;
/** Of the limit, for calls of low priority. */
const LOW_SHARE = 0.7;

const never = new AbortController().signal;

/** Takes a slot or waits for one. */
function enter(limit: ConcurrencyLimit, priority: Priority, timeoutMs = TIMEOUT_MS, signal = never) {
  const slot = limit.tryAcquire(priority, timeoutMs);
  return slot ? Promise.resolve(slot) : (limit.wait?.(priority, timeoutMs, signal) ?? Promise.resolve(undefined));
}

function fill(limit: ConcurrencyLimit, priority: Priority): Slot[] {
  const slots: Slot[] = [];
  for (let slot = limit.tryAcquire(priority, TIMEOUT_MS); slot; slot = limit.tryAcquire(priority, TIMEOUT_MS)) {
    slots.push(slot);
  }
  return slots;
}

describe('the waiting room of an adaptive limit', () => {
  let clock: sinon.SinonFakeTimers;
  let limit: ConcurrencyLimit;
  let running: Slot[];

  beforeEach(() => {
    clock = sinon.useFakeTimers();
    limit = adaptiveLimit({ limitInitial: LIMIT, limitMax: LIMIT, waitersMax: 3 });
    running = PRIORITIES.flatMap((priority) => fill(limit, priority));
  });

  afterEach(() => {
    clock.restore();
  });

  const end = (count: number): void => {
    for (const slot of running.splice(-count)) slot.release(false);
  };

  /** Those of low priority, which have reserved slots, end first. */
  const endUntil = (inFlight: number): void => {
    while (limit.inFlight > inFlight) running.pop()?.release(false);
  };

  /** The names of the waiters that have been served (+) or refused (-), in order. */
  function watch(waiters: Readonly<Record<string, Promise<Slot | undefined>>>): string[] {
    const seen: string[] = [];
    for (const [name, waiter] of Object.entries(waiters)) {
      waiter.then(
        (slot) => seen.push(`${name}${slot ? '+' : '-'}`),
        () => seen.push(`${name}!`),
      );
    }
    return seen;
  }

  it('serves the calls of a burst as slots become free, the highest priority first', async () => {
    const seen = watch({ a: enter(limit, 'low'), b: enter(limit, 'high'), c: enter(limit, 'high') });
    const steps: [number, string[]][] = [
      [LIMIT - 1, ['b+']],
      [LIMIT - 1, ['b+', 'c+']],
      [LIMIT * LOW_SHARE - 1, ['b+', 'c+', 'a+']],
    ];
    for (const [inFlight, served] of steps) {
      end(limit.inFlight - inFlight);
      await clock.tickAsync(0);
      assert.deepEqual(seen, served);
    }
  });

  it('has room for a bounded number of calls', async () => {
    const waiters = ['a', 'b', 'c'].map(() => enter(limit, 'high'));
    assert.equal(limit.hasRoom('high'), false);
    assert.equal(await enter(limit, 'high'), undefined);
    endUntil(LIMIT / 2);
    assert.ok((await Promise.all(waiters)).every((slot) => slot !== undefined));
    assert.equal(limit.hasRoom('high'), true);
  });

  it('lets no call overtake one that waits', async () => {
    const waiter = enter(limit, 'low');
    assert.equal(limit.tryAcquire('low', TIMEOUT_MS), undefined);
    end(limit.inFlight - LIMIT * LOW_SHARE + 1);
    assert.equal(limit.tryAcquire('low', TIMEOUT_MS), undefined);
    assert.ok(await waiter);
  });

  it('closes for a priority and lower ones when a call has waited half of its timeout in vain', async () => {
    const seen = watch({ a: enter(limit, 'high', 2_000), b: enter(limit, 'normal', 500), c: enter(limit, 'low') });
    await clock.tickAsync(249);
    assert.deepEqual(seen, []);
    await clock.tickAsync(1);
    assert.deepEqual(seen, ['b-', 'c-']);
    assert.deepEqual([limit.hasRoom('high'), limit.hasRoom('normal'), limit.hasRoom('low')], [true, false, false]);
    assert.equal(await enter(limit, 'normal'), undefined);
    await clock.tickAsync(750);
    assert.deepEqual(seen, ['b-', 'c-', 'a-']);
    assert.equal(limit.hasRoom('high'), false);
  });

  it('closes for a priority whose queue has not been empty for longer than a burst lasts, and serves those who wait', async () => {
    const waiter = enter(limit, 'high');
    await clock.tickAsync(300);
    assert.equal(limit.hasRoom('high'), true);
    await clock.tickAsync(1);
    assert.deepEqual([limit.hasRoom('high'), limit.hasRoom('low')], [false, true]);
    endUntil(LIMIT - 1);
    assert.ok(await waiter);
    fill(limit, 'high');
    assert.equal(limit.hasRoom('high'), false);
  });

  it('opens again when the service is half idle', async () => {
    const waiter = enter(limit, 'high');
    await clock.tickAsync(TIMEOUT_MS / 2);
    assert.equal(await waiter, undefined);
    endUntil(LIMIT / 2);
    running.push(...fill(limit, 'high'));
    assert.equal(limit.hasRoom('high'), false);
    endUntil(LIMIT / 2 - 1);
    fill(limit, 'high');
    assert.equal(limit.hasRoom('high'), true);
  });

  it('drops a call whose caller has left or whose deadline has passed, with that reason', async () => {
    const controller = new AbortController();
    const waiter = enter(limit, 'high', TIMEOUT_MS, controller.signal);
    const next = enter(limit, 'high');
    controller.abort(new RpcError('deadline_exceeded', 'too late'));
    await assert.rejects(waiter, { code: 'deadline_exceeded' });
    endUntil(LIMIT - 1);
    assert.ok(await next);
    fill(limit, 'high');
    await assert.rejects(enter(limit, 'high', TIMEOUT_MS, controller.signal), { code: 'deadline_exceeded' });
  });
});
