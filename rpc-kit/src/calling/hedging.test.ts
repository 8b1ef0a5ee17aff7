import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { callFor, callOf } from '../../test/call-stubs.ts';
import type { Call } from '../call.ts';
import { RpcError } from '../rpc-error.ts';
import { hedging } from './hedging.ts';
import type { RetryBudget } from './retry-budget.ts';
import { createRetryBudget } from './retry-budget.ts';

const BROKEN = new RpcError('unavailable', 'the connection broke');
const TIMEOUT = new RpcError('deadline_exceeded', 'too late');
const NOT_FOUND = new RpcError('not_found', 'no');

describe('hedging', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    clock.restore();
    sinon.restore();
  });

  const generous: RetryBudget = { deposit() {}, tryWithdraw: () => true, balance: Number.POSITIVE_INFINITY };

  interface Attempt {
    readonly afterMs: number;
    readonly with: unknown;
  }

  /** Answers both attempts as configured; an aborted attempt rejects with the reason. */
  function setUp(attempts: readonly Attempt[], budget: RetryBudget = generous) {
    const log: string[] = [];
    const sent: Call[] = [];
    const at = () => `${performance.now()}`;
    const guarded = hedging({
      budget,
      afterMs: 50,
      on: {
        hedge: () => log.push(`${at()}: hedge`),
        settled: ({ by }) => log.push(`${at()}: by ${by}`),
        unaffordable: () => log.push(`${at()}: unaffordable`),
      },
    })((call) => {
      sent.push(call);
      const attempt = attempts[sent.length - 1] as Attempt;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          if (attempt.with instanceof Error) reject(attempt.with);
          else resolve(attempt.with);
        }, attempt.afterMs);
        call.signal.addEventListener('abort', () => {
          clearTimeout(timer);
          reject(call.signal.reason);
        });
      });
    });
    /** Runs the call to its end; nothing may be left over then. */
    async function run(call: Call = callOf()): Promise<unknown> {
      const startedAt = performance.now();
      const outcome = guarded(call).then(
        (result) => ({ result, ms: performance.now() - startedAt }),
        (error) => ({ error, ms: performance.now() - startedAt }),
      );
      await clock.tickAsync(10_000);
      assert.equal(clock.countTimers(), 0);
      return outcome;
    }
    return { log, sent, guarded, run };
  }

  it('sends a quick read once', async () => {
    const { run, sent, log } = setUp([{ afterMs: 49, with: 'one' }]);
    assert.deepEqual(await run(), { result: 'one', ms: 49 });
    assert.equal(sent.length, 1);
    assert.deepEqual(log, []);
  });

  it('sends a slow read again, returns the first answer, and aborts the other attempt', async () => {
    const { run, sent, log } = setUp([
      { afterMs: 500, with: 'one' },
      { afterMs: 20, with: 'two' },
    ]);
    assert.deepEqual(await run(), { result: 'two', ms: 70 });
    assert.deepEqual(log, ['50: hedge', '70: by hedge']);
    assert.equal(sent[0]?.signal.reason.code, 'cancelled');
    assert.equal(sent[1]?.signal.aborted, false);
  });

  it("returns the first attempt's answer when it is faster after all", async () => {
    const { run, sent, log } = setUp([
      { afterMs: 60, with: 'one' },
      { afterMs: 20, with: 'two' },
    ]);
    assert.deepEqual(await run(), { result: 'one', ms: 60 });
    assert.deepEqual(log, ['50: hedge', '60: by first']);
    assert.equal(sent[1]?.signal.reason.code, 'cancelled');
  });

  it('lets writes pass by, also those with a key', async () => {
    for (const call of [callOf({ method: 'buy', params: { idempotencyKey: 'k1' } }), callOf({ method: 'ring' })]) {
      const { run, sent } = setUp([{ afterMs: 500, with: 'one' }]);
      assert.deepEqual(await run(call), { result: 'one', ms: 500 });
      assert.deepEqual(sent, [call]);
    }
    const { run } = setUp([{ afterMs: 500, with: 'one' }]);
    assert.deepEqual(await run({ ...callOf(), contract: undefined }), { result: 'one', ms: 500 });
  });

  it('withdraws every hedge from the budget, and sends none when it is empty', async () => {
    const budget = createRetryBudget();
    const first = setUp(
      [
        { afterMs: 100, with: 'one' },
        { afterMs: 100, with: 'two' },
      ],
      budget,
    );
    await Promise.all([first.guarded(callOf()), clock.tickAsync(200)]);
    assert.equal(budget.balance, 0);
    const second = setUp([{ afterMs: 100, with: 'one' }], budget);
    await Promise.all([second.guarded(callOf()), clock.tickAsync(200)]);
    assert.deepEqual(second.log, ['250: unaffordable']);
  });

  it('fails at once with a failure before the second attempt', async () => {
    const { run, sent } = setUp([{ afterMs: 10, with: BROKEN }]);
    assert.deepEqual(await run(), { error: BROKEN, ms: 10 });
    assert.equal(sent.length, 1);
  });

  it('waits for the other attempt when one fails', async () => {
    const failsFirst = setUp([
      { afterMs: 60, with: BROKEN },
      { afterMs: 100, with: 'two' },
    ]);
    assert.deepEqual(await failsFirst.run(), { result: 'two', ms: 150 });
    const failsSecond = setUp([
      { afterMs: 200, with: 'one' },
      { afterMs: 10, with: BROKEN },
    ]);
    assert.deepEqual(await failsSecond.run(), { result: 'one', ms: 200 });
  });

  it('fails with the last failure when both fail', async () => {
    const { run, log } = setUp([
      { afterMs: 100, with: BROKEN },
      { afterMs: 100, with: TIMEOUT },
    ]);
    assert.deepEqual(await run(), { error: TIMEOUT, ms: 150 });
    assert.deepEqual(log, ['50: hedge', '150: by none']);
  });

  it('treats an error that the peer intends as an answer', async () => {
    const { run, sent, log } = setUp([
      { afterMs: 500, with: 'one' },
      { afterMs: 10, with: NOT_FOUND },
    ]);
    assert.deepEqual(await run(), { error: NOT_FOUND, ms: 60 });
    assert.deepEqual(log.slice(1), ['60: by hedge']);
    assert.equal(sent[0]?.signal.aborted, true);
  });

  it('sends no second attempt for an answer that arrived while the process paused', async () => {
    const { guarded, sent, log } = setUp([{ afterMs: 60, with: 'one' }]);
    const outcome = guarded(callOf());
    // Both timers are due when the process goes on, as the timer of the hedge and a readable socket are.
    clock.jump(100);
    await clock.tickAsync(0);
    assert.equal(await outcome, 'one');
    assert.equal(sent.length, 1);
    assert.deepEqual(log, []);
    assert.equal(clock.countTimers(), 0);
  });

  it('works where there is no setImmediate, as in a browser', async () => {
    sinon.stub(globalThis, 'setImmediate').value(undefined);
    const { guarded } = setUp([
      { afterMs: 500, with: 'one' },
      { afterMs: 20, with: 'two' },
    ]);
    const outcome = guarded(callOf());
    clock.tick(51);
    clock.tick(20);
    assert.equal(await outcome, 'two');
  });

  it('tells the attempts of a call, and no others, where each of them went', async () => {
    const { run, sent } = setUp([
      { afterMs: 100, with: 'one' },
      { afterMs: 100, with: 'two' },
      { afterMs: 10, with: 'three' },
    ]);
    await run();
    await run();
    assert.equal(sent[0]?.endpoints, sent[1]?.endpoints);
    assert.notEqual(sent[0]?.endpoints, sent[2]?.endpoints);
  });

  describe('after a percentile', () => {
    /** Answers after what `latencyMs` says at the time of the call. */
    function setUpObserved(afterPercentile: number) {
      const state = { latencyMs: 10, hedges: 0, sent: 0, with: 'fine' as unknown };
      const guarded = hedging({ budget: generous, afterPercentile, on: { hedge: () => (state.hedges += 1) } })(
        (call) => {
          state.sent += 1;
          return new Promise((resolve, reject) => {
            const timer = setTimeout(() => {
              if (state.with instanceof Error) reject(state.with);
              else resolve(state.with);
            }, state.latencyMs);
            call.signal.addEventListener('abort', () => clearTimeout(timer));
          });
        },
      );
      async function callOften(times: number, call: () => Call = callOf): Promise<void> {
        for (let each = 0; each < times; each++) {
          const outcome = guarded(call()).catch(() => {});
          await clock.tickAsync(state.latencyMs);
          await outcome;
        }
      }
      return { state, callOften };
    }

    it('hedges none of the first hundred calls, and then those that are slower than the percentile', async () => {
      const { state, callOften } = setUpObserved(95);
      await callOften(99);
      state.latencyMs = 500;
      await callOften(1);
      assert.equal(state.hedges, 0);
      state.latencyMs = 10;
      await callOften(1);
      assert.equal(state.hedges, 0);
      state.latencyMs = 500;
      await callOften(1);
      assert.equal(state.hedges, 1);
    });

    it('knows the latency of each method by itself', async () => {
      const { state, callOften } = setUpObserved(95);
      await callOften(200);
      state.latencyMs = 500;
      await callOften(10, () => ({ ...callOf(), service: 'bank' }));
      assert.equal(state.hedges, 0);
    });

    it('learns from answers only, not from failures that come fast', async () => {
      const { state, callOften } = setUpObserved(95);
      state.with = BROKEN;
      await callOften(200);
      state.latencyMs = 500;
      await callOften(1);
      assert.equal(state.hedges, 0);
      state.with = NOT_FOUND;
      await callOften(200);
      state.latencyMs = 1_000;
      await callOften(1);
      assert.ok(state.hedges > 0);
    });

    it('waits for 5 ms at least', async () => {
      const { state, callOften } = setUpObserved(50);
      state.latencyMs = 1;
      await callOften(200);
      state.latencyMs = 4;
      await callOften(1);
      assert.equal(state.hedges, 0);
    });

    it('hedges about as many calls as are above it, however the latencies are spread', async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer(), fc.constantFrom(80, 90, 95), async (seed, percentile) => {
          const { state, callOften } = setUpObserved(percentile);
          let random = seed >>> 0;
          for (let call = 0; call < 600; call++) {
            random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
            state.latencyMs = Math.exp(3 + (random / 2 ** 32) * 3);
            await callOften(1);
          }
          const share = state.hedges / 500;
          assert.ok(share < (1 - percentile / 100) * 1.5 + 0.02, `${share} at p${percentile}`);
        }),
        { numRuns: 10 },
      );
    });
  });

  it('refuses a wait that is none', () => {
    hedging({ budget: generous, afterMs: 2 ** 31 })(() => new Promise(() => {}))(callOf());
    assert.equal(clock.countTimers(), 0, 'a timer that is too long would fire at once');
    for (const afterMs of [0, -1, Number.NaN]) assert.throws(() => hedging({ budget: generous, afterMs }), RangeError);
    for (const afterPercentile of [0, 100, Number.NaN])
      assert.throws(() => hedging({ budget: generous, afterPercentile }), RangeError);
  });

  it('passes the deadline on to both attempts', async () => {
    const { run, sent, log } = setUp([
      { afterMs: 500, with: 'one' },
      { afterMs: 500, with: 'two' },
    ]);
    const { error, ms } = (await run(callFor(80))) as { error: RpcError; ms: number };
    assert.deepEqual([error.code, ms], ['deadline_exceeded', 80]);
    assert.deepEqual(
      sent.map(({ signal }) => signal.reason.code),
      ['deadline_exceeded', 'deadline_exceeded'],
    );
    assert.deepEqual(log, ['50: hedge', '80: by none']);
  });

  it('sends no second attempt for a caller that has left', async () => {
    const caller = new AbortController();
    const { guarded, sent, log } = setUp([{ afterMs: 500, with: 'one' }]);
    const outcome = guarded(callOf({ signal: caller.signal }));
    await clock.tickAsync(10);
    caller.abort();
    await assert.rejects(outcome, { code: 'cancelled' });
    assert.equal(clock.countTimers(), 0);
    assert.equal(sent.length, 1);
    assert.deepEqual(log, []);
  });

  it('sends nothing for a caller that had left before', async () => {
    const { run, sent } = setUp([]);
    const { error } = (await run(callOf({ signal: AbortSignal.abort() }))) as { error: RpcError };
    assert.equal(error.code, 'cancelled');
    assert.equal(sent.length, 0);
  });

  it('treats other errors as internal failures', async () => {
    const guarded = hedging({ budget: generous, afterMs: 50 })(() => {
      throw new TypeError('a mistake');
    });
    await assert.rejects(guarded(callOf()), { code: 'internal' });
    assert.equal(clock.countTimers(), 0);
  });

  it('leaves no listener on a signal that outlives the call', async () => {
    const { signal } = new AbortController();
    const add = sinon.spy(signal, 'addEventListener');
    const remove = sinon.spy(signal, 'removeEventListener');
    const { run } = setUp([
      { afterMs: 100, with: 'one' },
      { afterMs: 10, with: 'two' },
    ]);
    await run(callOf({ signal }));
    assert.deepEqual(
      remove.args.map(([, listener]) => listener),
      add.args.map(([, listener]) => listener),
    );
  });

  it('is not hurt by a listener that throws', async () => {
    sinon.stub(process, 'emitWarning');
    const broken = () => assert.fail('a listener');
    const on = { hedge: broken, settled: broken, unaffordable: broken };
    const next = (call: Call) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, 100, 'fine');
        call.signal.addEventListener('abort', () => clearTimeout(timer));
      });
    const affordable = hedging({ budget: generous, afterMs: 50, on })(next)(callOf());
    const spent = hedging({ budget: { ...generous, tryWithdraw: () => false }, afterMs: 50, on })(next)(callOf());
    await clock.tickAsync(100);
    assert.deepEqual(await Promise.all([affordable, spent]), ['fine', 'fine']);
  });

  it('never takes longer than the first attempt alone, and leaves no timer or listener', async () => {
    const attempt = fc.record({
      afterMs: fc.nat(200),
      with: fc.constantFrom('fine', 'fine', BROKEN, TIMEOUT, NOT_FOUND),
    });
    await fc.assert(
      fc.asyncProperty(attempt, attempt, fc.nat(300), async (first, second, timeoutMs) => {
        const { run, sent } = setUp([first, second]);
        const { ms, error } = (await run(callFor(timeoutMs + 1))) as { ms: number; error?: RpcError };
        assert.ok(ms <= timeoutMs + 1);
        if (first.with === 'fine') assert.ok(ms <= first.afterMs || error === NOT_FOUND);
        if (first.with === 'fine' && second.with !== NOT_FOUND && timeoutMs >= first.afterMs)
          assert.equal(error, undefined);
        assert.ok(sent.length <= (ms >= 50 ? 2 : 1));
      }),
    );
  });
});
