import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import sinon from 'sinon';
import { abortReason, Canceller, keepTimerLists, onAbort, raceSignal, startDeadline } from './deadline.ts';
import { RpcError } from './rpc-error.ts';

const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('a deadline', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => {
    clock.restore();
  });

  it('aborts when its time has come and not before', () => {
    using deadline = startDeadline(100);
    clock.tick(99);
    assert.equal(deadline.signal.aborted, false);
    clock.tick(1);
    assert.equal(deadline.signal.reason.code, 'deadline_exceeded');
  });

  it('waits for its time when its timer fires early, as after a long turn of the event loop', () => {
    // The clock is 9.5 ms ahead of the loop's, from which the timer counts.
    using deadline = startDeadline(100, undefined, performance.now() + 9.5);
    clock.tick(109);
    assert.equal(deadline.signal.aborted, false);
    clock.tick(1);
    assert.equal(deadline.signal.reason.code, 'deadline_exceeded');
  });

  it('says when it is, on the scale of performance.now', () => {
    clock.tick(1_000);
    using deadline = startDeadline(100);
    assert.equal(deadline.at, performance.now() + 100);
  });

  for (const timeoutMs of [0, -1, Number.NEGATIVE_INFINITY, Number.NaN]) {
    it(`of ${timeoutMs} ms has passed from the start, without a timer`, () => {
      using deadline = startDeadline(timeoutMs);
      assert.equal(deadline.signal.reason.code, 'deadline_exceeded');
      assert.equal(clock.countTimers(), 0);
    });
  }

  it('follows the signal of the caller and adopts its reason', () => {
    const caller = new AbortController();
    using deadline = startDeadline(100, caller.signal);
    const reason = new RpcError('cancelled', 'The caller went away');
    caller.abort(reason);
    assert.equal(deadline.signal.reason, reason);
  });

  it('is aborted from the start when the caller has gone already, without a timer', () => {
    using deadline = startDeadline(100, AbortSignal.abort());
    assert.equal(deadline.signal.reason.code, 'cancelled');
    assert.equal(clock.countTimers(), 0);
  });

  it('leaves no timer and no listener behind when it is disposed of', () => {
    const caller = new AbortController();
    {
      using _deadline = startDeadline(100, caller.signal);
      assert.deepEqual([clock.countTimers(), listenersOf(caller.signal)], [1, 1]);
    }
    assert.deepEqual([clock.countTimers(), listenersOf(caller.signal)], [0, 0]);
  });

  it('leaves no listener behind either when it has passed or the caller has gone', () => {
    for (const end of [() => clock.tick(100), (caller: AbortController) => caller.abort()]) {
      const caller = new AbortController();
      {
        using _deadline = startDeadline(100, caller.signal);
        end(caller);
      }
      assert.deepEqual([clock.countTimers(), listenersOf(caller.signal)], [0, 0]);
    }
  });

  it('is rounded up to whole milliseconds', () => {
    using deadline = startDeadline(98.2);
    clock.tick(98);
    assert.equal(deadline.signal.aborted, false);
    clock.tick(1);
    assert.equal(deadline.signal.aborted, true);
  });

  it('may find its list of timers kept, one for each timeout, until the server closes', () => {
    {
      using _lists = keepTimerLists([100, 100, 2_000]);
      assert.equal(clock.countTimers(), 2);
      clock.tick(10_000);
      assert.equal(clock.countTimers(), 2);
    }
    assert.equal(clock.countTimers(), 0);
  });

  it('that is further away than a timer can count does not pass at once', () => {
    for (const timeoutMs of [2 ** 31, Number.POSITIVE_INFINITY]) {
      using deadline = startDeadline(timeoutMs);
      clock.tick(1_000_000);
      assert.equal(deadline.signal.aborted, false);
    }
  });
});

describe('a canceller', () => {
  const first = new RpcError('cancelled', 'first');
  const second = new RpcError('cancelled', 'second');

  it('cancels all that follows it, and what follows its signal, once and for the first reason', () => {
    const canceller = new Canceller();
    const reasons: unknown[] = [];
    for (const name of ['a', 'b', 'c']) canceller.follow({ cancel: (reason) => reasons.push(name, reason) });
    onAbort(canceller.signal, () => reasons.push('signal'));
    using deadline = startDeadline(10_000, canceller);
    canceller.cancel(first);
    canceller.cancel(second);
    assert.deepEqual(reasons, ['a', first, 'b', first, 'c', first, 'signal']);
    assert.deepEqual([canceller.reason, canceller.signal.reason, deadline.signal.reason], [first, first, first]);
  });

  it('has a signal that is aborted from the start when it is made after the cancellation', () => {
    const canceller = new Canceller();
    canceller.cancel(first);
    assert.equal(canceller.signal.reason, first);
    assert.equal(startDeadline(10_000, canceller).signal.reason, first);
  });

  it('does not cancel what no longer follows it', () => {
    const canceller = new Canceller();
    const followers = ['a', 'b', 'c'].map((name) => ({ name, cancel: () => assert.fail(name) }));
    for (const follower of followers) canceller.follow(follower);
    for (const follower of followers) canceller.unfollow(follower);
    onAbort(canceller.signal, () => assert.fail('signal'))();
    canceller.cancel(first);
  });
});

describe('the reason of an abort', () => {
  it("is the signal's where that is an RpcError, else that the caller cancelled", () => {
    const own = new RpcError('deadline_exceeded', 'too late');
    assert.equal(abortReason(AbortSignal.abort(own)), own);
    const foreign = new Error('closed the tab');
    const { code, cause } = abortReason(AbortSignal.abort(foreign));
    assert.deepEqual([code, cause], ['cancelled', foreign]);
    assert.equal(abortReason(undefined).code, 'cancelled');
  });
});

describe('work raced by a signal', () => {
  it('settles like the work', async () => {
    const { signal } = new AbortController();
    const failure = new Error('no');
    assert.equal(await raceSignal(Promise.resolve(5), signal), 5);
    await assert.rejects(raceSignal(Promise.reject(failure), signal), failure);
    assert.equal(listenersOf(signal), 0);
  });

  it('rejects with the reason as soon as the signal aborts, whatever the work does', async () => {
    const controller = new AbortController();
    const raced = raceSignal(new Promise(() => {}), controller.signal);
    controller.abort();
    await assert.rejects(raced, { code: 'cancelled' });
    assert.equal(listenersOf(controller.signal), 0);
  });

  it('rejects at once when the signal has aborted already, and a failure of the work goes nowhere', async () => {
    const work = Promise.reject(new Error('no listener'));
    await assert.rejects(raceSignal(work, AbortSignal.abort()), { code: 'cancelled' });
  });

  it('rejects with the reason even when a library rejects an abort with its own error', async () => {
    const controller = new AbortController();
    const work = new Promise((_resolve, reject) => {
      // Registered first, so it hears of the abort first.
      controller.signal.addEventListener('abort', () => reject(new Error('ABORT_ERR')));
    });
    const raced = raceSignal(work, controller.signal);
    controller.abort(new RpcError('deadline_exceeded', 'too late'));
    await assert.rejects(raced, { code: 'deadline_exceeded' });
  });

  it('has no say any more once the work is done', async () => {
    const controller = new AbortController();
    const raced = raceSignal(Promise.resolve('done'), controller.signal);
    assert.equal(await raced, 'done');
    controller.abort();
    assert.equal(await raced, 'done');
  });
});
