import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { callFor, callOf } from '../../test/call-stubs.ts';
import type { Call } from '../call.ts';
import { RpcError } from '../rpc-error.ts';
import { type CircuitBreaker, type CircuitBreakerOptions, createCircuitBreaker } from './circuit-breaker.ts';

const BROKEN = new RpcError('unavailable', 'the connection broke');
const REFUSED = new RpcError('unavailable', 'cannot be reached', { neverSent: true });
const TIMEOUT = new RpcError('deadline_exceeded', 'too late');
const BUSINESS = new RpcError('failed_precondition', 'no', { reason: 'sold_out' });
const PUSH_BACK = new RpcError('resource_exhausted', 'later', { retryAfterMs: 5 });
const WITHDRAWN = new RpcError('cancelled', 'the caller left');

describe('the circuit breaker', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => {
    clock.restore();
    sinon.restore();
  });

  /** A breaker before an endpoint whose answers the test provides, and a log of its events. */
  function setUp(options: CircuitBreakerOptions = {}) {
    const log: string[] = [];
    const breaker = createCircuitBreaker({
      restMs: 1_000,
      ...options,
      on: {
        open: ({ why, restMs }) => log.push(`open: ${why}, ${restMs}`),
        halfOpen: () => log.push('half-open'),
        close: () => log.push('close'),
        refused: ({ retryAfterMs }) => log.push(`refused: ${retryAfterMs}`),
        dispose: () => log.push('dispose'),
      },
    });
    const next = sinon.stub<[Call], Promise<unknown>>();
    const guarded = breaker.interceptor(next);
    const call = async (answer: unknown, given = callOf()): Promise<unknown> => {
      if (answer instanceof Error) next.rejects(answer);
      else next.resolves(answer);
      return guarded(given).catch((error) => error);
    };
    return { breaker, log, next, guarded, call };
  }

  async function fail(call: (answer: unknown) => Promise<unknown>, count: number, error = BROKEN): Promise<void> {
    for (let failure = 0; failure < count; failure++) assert.equal(await call(error), error);
  }

  /** A call that the test answers later. */
  function pending(guarded: (call: Call) => Promise<unknown>, next: sinon.SinonStub, given = callOf()) {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    next.returns(promise);
    const outcome = guarded(given).catch((error) => error);
    return { outcome, resolve, reject };
  }

  it('refuses options outside their ranges', () => {
    for (const wrong of [
      { failuresMax: 0 },
      { failuresMax: Number.NaN },
      { successRateMin: 1.1 },
      { callsMin: Number.POSITIVE_INFINITY },
      { windowMs: 0 },
      { restMs: 2 ** 31 },
    ]) {
      assert.throws(() => createCircuitBreaker(wrong), RangeError);
    }
  });

  describe('closed', () => {
    it('lets calls and their outcomes through', async () => {
      const { call, breaker, log } = setUp();
      assert.equal(await call('fine'), 'fine');
      assert.equal(await call(BROKEN), BROKEN);
      assert.deepEqual(breaker.state, { name: 'closed', failuresInARow: 1 });
      assert.equal(await call('fine'), 'fine');
      assert.deepEqual(breaker.state, { name: 'closed', failuresInARow: 0 });
      assert.deepEqual(log, []);
    });

    for (const [name, error] of Object.entries({ BROKEN, REFUSED, TIMEOUT, thrown: new TypeError('a mistake') })) {
      it(`opens after five failures in a row: ${name}`, async () => {
        const { call, breaker, log } = setUp();
        await fail(call, 4, error as RpcError);
        assert.equal(breaker.state.name, 'closed');
        await fail(call, 1, error as RpcError);
        assert.deepEqual(breaker.state, { name: 'open', untilAt: performance.now() + 1_000 });
        assert.deepEqual(log, ['open: failures in a row, 1000']);
      });
    }

    it('counts failures of calls in flight together as one, and opens by the success rate when they are many', async () => {
      const { breaker, guarded, next, log } = setUp();
      const failTogether = async (count: number): Promise<void> => {
        const calls = Array.from({ length: count }, () => pending(guarded, next));
        await clock.tickAsync(10);
        for (const { reject } of calls) {
          reject(BROKEN);
          await clock.tickAsync(1);
        }
      };
      await failTogether(8);
      assert.deepEqual(breaker.state, { name: 'closed', failuresInARow: 1 });
      await failTogether(8);
      assert.deepEqual(breaker.state, { name: 'closed', failuresInARow: 2 });
      await failTogether(8);
      assert.deepEqual(log, ['open: success rate, 1000']);
    });

    it('counts business errors as successes', async () => {
      const { call, breaker } = setUp();
      await fail(call, 100, BUSINESS);
      await fail(call, 4);
      await fail(call, 1, BUSINESS);
      assert.deepEqual(breaker.state, { name: 'closed', failuresInARow: 0 });
    });

    it('does not count push-back and what the caller cancelled, for nor against', async () => {
      const { call, breaker } = setUp();
      await fail(call, 100, PUSH_BACK);
      await fail(call, 100, WITHDRAWN);
      await fail(call, 4);
      await fail(call, 1, PUSH_BACK);
      await fail(call, 1, WITHDRAWN);
      assert.deepEqual(breaker.state, { name: 'closed', failuresInARow: 4 });
      await fail(call, 1);
      assert.equal(breaker.state.name, 'open');
    });

    it('opens when the success rate falls below the bar, and not before there are enough calls', async () => {
      const { call, breaker, log } = setUp({ successRateMin: 0.9, callsMin: 10 });
      await fail(call, 1);
      for (let success = 0; success < 7; success++) await call('fine');
      await fail(call, 1);
      assert.equal(breaker.state.name, 'closed');
      await fail(call, 1);
      assert.equal(breaker.state.name, 'open');
      assert.deepEqual(log, ['open: success rate, 1000']);
    });

    it('stays closed when the success rate is just the bar', async () => {
      const { call, breaker } = setUp({ successRateMin: 0.9, callsMin: 10 });
      for (let success = 0; success < 9; success++) await call('fine');
      await fail(call, 1);
      assert.equal(breaker.state.name, 'closed');
    });

    it('forgets what was before the window', async () => {
      const { call, breaker } = setUp({ successRateMin: 0.9, callsMin: 10, windowMs: 10_000 });
      await fail(call, 4);
      for (let success = 0; success < 5; success++) await call('fine');
      await clock.tickAsync(10_000);
      for (let success = 0; success < 9; success++) await call('fine');
      await fail(call, 1);
      assert.equal(breaker.state.name, 'closed');
    });

    it('remembers what is still in the window', async () => {
      const { call, breaker } = setUp({ successRateMin: 0.9, callsMin: 10, windowMs: 10_000 });
      for (let success = 0; success < 8; success++) await call('fine');
      await fail(call, 1);
      await clock.tickAsync(9_999);
      await fail(call, 1);
      assert.equal(breaker.state.name, 'open');
    });

    it('judges a call that does not answer at its deadline', async () => {
      const { next, guarded, breaker } = setUp({ failuresMax: 1 });
      const { outcome } = pending(guarded, next, callFor(50));
      await clock.tickAsync(50);
      assert.equal(((await outcome) as RpcError).code, 'deadline_exceeded');
      assert.equal(breaker.state.name, 'open');
    });
  });

  describe('open', () => {
    it('refuses calls at once, and says for how long', async () => {
      const { call, next, log } = setUp();
      await fail(call, 5);
      next.resetHistory();
      await clock.tickAsync(300);
      const refusal = (await call('fine')) as RpcError;
      assert.ok(refusal instanceof RpcError);
      const { code, retryAfterMs, neverSent } = refusal;
      assert.deepEqual({ code, retryAfterMs, neverSent }, { code: 'unavailable', retryAfterMs: 702, neverSent: true });
      sinon.assert.notCalled(next);
      assert.deepEqual(log.slice(1), ['refused: 702']);
    });

    it('becomes half-open when it has rested', async () => {
      const { call, breaker, log } = setUp();
      await fail(call, 5);
      await clock.tickAsync(999);
      assert.equal(breaker.state.name, 'open');
      await clock.tickAsync(1);
      assert.deepEqual(breaker.state, { name: 'half-open', probing: false });
      assert.deepEqual(log.slice(1), ['half-open']);
    });

    it('is not moved by calls that began before it opened', async () => {
      const { call, next, guarded, breaker } = setUp();
      const early = [pending(guarded, next), pending(guarded, next), pending(guarded, next)];
      await fail(call, 5);
      const opened = breaker.state;
      early[0]?.reject(BROKEN);
      await early[0]?.outcome;
      early[1]?.resolve('fine');
      await early[1]?.outcome;
      assert.equal(breaker.state, opened);
      await clock.tickAsync(1_000);
      early[2]?.resolve('fine');
      await early[2]?.outcome;
      assert.deepEqual(breaker.state, { name: 'half-open', probing: false });
    });

    it('holds one timer, and closed none', async () => {
      const { call } = setUp();
      await call('fine');
      assert.equal(clock.countTimers(), 0);
      await fail(call, 5);
      assert.equal(clock.countTimers(), 1);
      await clock.tickAsync(1_000);
      assert.equal(clock.countTimers(), 0);
    });
  });

  describe('half-open', () => {
    async function setUpHalfOpen(options: CircuitBreakerOptions = {}) {
      const parts = setUp(options);
      await fail(parts.call, 5);
      await clock.tickAsync(1_000);
      parts.log.length = 0;
      parts.next.resetHistory();
      return parts;
    }

    it('lets exactly one call through and refuses all others until it has ended', async () => {
      const { call, guarded, next, breaker, log } = await setUpHalfOpen();
      const probe = pending(guarded, next);
      assert.deepEqual(breaker.state, { name: 'half-open', probing: true });
      for (let other = 0; other < 20; other++) {
        const refusal = (await call('fine')) as RpcError;
        assert.deepEqual([refusal.neverSent, refusal.retryAfterMs], [true, 100]);
      }
      sinon.assert.calledOnce(next);
      probe.resolve('fine');
      assert.equal(await probe.outcome, 'fine');
      assert.deepEqual(breaker.state, { name: 'closed', failuresInARow: 0 });
      assert.deepEqual(log, [...Array(20).fill('refused: 100'), 'close']);
    });

    it('probes again when the probe takes longer than the rest', async () => {
      const { call, guarded, next, breaker } = await setUpHalfOpen();
      const slow = pending(guarded, next);
      await clock.tickAsync(999);
      assert.equal(((await call('fine')) as RpcError).neverSent, true);
      await clock.tickAsync(1);
      assert.equal(await call('fine'), 'fine');
      assert.equal(breaker.state.name, 'closed');
      slow.reject(BROKEN);
      assert.equal(await slow.outcome, BROKEN);
      assert.deepEqual(breaker.state, { name: 'closed', failuresInARow: 0 });
    });

    it('opens again when the probe fails, and rests as long', async () => {
      const { call, breaker, log } = await setUpHalfOpen();
      await fail(call, 1);
      assert.deepEqual(breaker.state, { name: 'open', untilAt: performance.now() + 1_000 });
      assert.deepEqual(log, ['open: probe, 1000']);
      await clock.tickAsync(1_000);
      await call('fine');
      assert.equal(breaker.state.name, 'closed');
    });

    it('closes when the probe is answered with a business error', async () => {
      const { call, breaker } = await setUpHalfOpen();
      await fail(call, 1, BUSINESS);
      assert.equal(breaker.state.name, 'closed');
    });

    for (const error of [PUSH_BACK, WITHDRAWN]) {
      it(`makes the next call the probe when the probe ends with ${error.code}`, async () => {
        const { call, breaker } = await setUpHalfOpen();
        await fail(call, 3, error);
        assert.deepEqual(breaker.state, { name: 'half-open', probing: false });
        await call('fine');
        assert.equal(breaker.state.name, 'closed');
      });
    }

    it('makes the next call the probe when the caller of the probe leaves', async () => {
      const { call, guarded, next, breaker } = await setUpHalfOpen();
      const caller = new AbortController();
      const probe = pending(guarded, next, callOf({ signal: caller.signal }));
      caller.abort();
      assert.equal(((await probe.outcome) as RpcError).code, 'cancelled');
      assert.deepEqual(breaker.state, { name: 'half-open', probing: false });
      assert.equal(await call('fine'), 'fine');
    });

    it('opens again when the probe hangs until its deadline', async () => {
      const { guarded, next, breaker } = await setUpHalfOpen();
      const probe = pending(guarded, next, callFor(200));
      await clock.tickAsync(200);
      await probe.outcome;
      assert.equal(breaker.state.name, 'open');
    });

    it('starts its window anew when it closes', async () => {
      const { call, breaker } = await setUpHalfOpen({ callsMin: 5, successRateMin: 0.8 });
      await call('fine');
      for (let success = 0; success < 4; success++) await call('fine');
      await fail(call, 1);
      assert.equal(breaker.state.name, 'closed');
    });

    it('a probe that ends after the breaker was disposed of changes nothing', async () => {
      const { guarded, next, breaker, log } = await setUpHalfOpen();
      const probe = pending(guarded, next);
      breaker[Symbol.dispose]();
      probe.resolve('fine');
      assert.equal(await probe.outcome, 'fine');
      assert.deepEqual(log, ['dispose']);
    });
  });

  describe('disposed of', () => {
    it('leaves no timer and lets calls pass', async () => {
      const { call, breaker, log } = setUp();
      await fail(call, 5);
      breaker[Symbol.dispose]();
      breaker[Symbol.dispose]();
      assert.equal(clock.countTimers(), 0);
      await clock.tickAsync(10_000);
      assert.equal(await call('fine'), 'fine');
      assert.deepEqual(log, ['open: failures in a row, 1000', 'dispose']);
    });

    it('goes with the transport that it guards', async () => {
      const { breaker, log } = setUp();
      const wire = { call: sinon.stub().resolves('fine'), [Symbol.asyncDispose]: sinon.stub().resolves() };
      const guarded = breaker.guard(wire);
      const call = callOf();
      assert.equal(await guarded.call(call), 'fine');
      sinon.assert.calledOnceWithExactly(wire.call, call);
      await guarded[Symbol.asyncDispose]();
      sinon.assert.calledOnce(wire[Symbol.asyncDispose]);
      assert.deepEqual(log, ['dispose']);
    });
  });

  it('is not hurt by a listener that throws', async () => {
    sinon.stub(process, 'emitWarning');
    const broken = () => assert.fail('a listener');
    const on = { open: broken, halfOpen: broken, close: broken, refused: broken, dispose: broken };
    using breaker = createCircuitBreaker({ failuresMax: 1, restMs: 10, on });
    const next = sinon.stub<[Call], Promise<unknown>>().rejects(BROKEN);
    const guarded = breaker.interceptor(next);
    await assert.rejects(guarded(callOf()), BROKEN);
    await assert.rejects(guarded(callOf()), { neverSent: true });
    await clock.tickAsync(10);
    next.resolves('fine');
    assert.equal(await guarded(callOf()), 'fine');
    assert.equal(breaker.state.name, 'closed');
  });

  it('stays closed at exactly the success rate that is asked for, though 11 / 20 × 100 is more than 55', async () => {
    const breaker = createCircuitBreaker({ failuresMax: 100, successRateMin: 0.45, callsMin: 20, windowMs: 10_000 });
    const call = (fails: boolean) =>
      breaker
        .interceptor(async () => {
          if (fails) throw BROKEN;
        })(callOf())
        .catch(() => {});
    for (let success = 0; success < 9; success++) await call(false);
    for (let failure = 0; failure < 11; failure++) await call(true);
    assert.equal(breaker.state.name, 'closed');
    await call(true);
    assert.equal(breaker.state.name, 'open');
    breaker[Symbol.dispose]();
  });

  describe('against a model', () => {
    const options = { failuresMax: 6, successRateMin: 0.45, callsMin: 5, windowMs: 2_000, restMs: 500 };
    const outcomes = { fine: 'fine', BROKEN, REFUSED, TIMEOUT, BUSINESS, PUSH_BACK, WITHDRAWN } as const;
    type Outcome = keyof typeof outcomes;
    const failures: Outcome[] = ['BROKEN', 'REFUSED', 'TIMEOUT'];
    const successes: Outcome[] = ['fine', 'BUSINESS'];

    type Step =
      | { readonly do: 'begin' }
      | { readonly do: 'end'; readonly which: number; readonly as: Outcome }
      | { readonly do: 'wait'; readonly ms: number };
    const step: fc.Arbitrary<Step> = fc.oneof(
      { weight: 4, arbitrary: fc.constant({ do: 'begin' } as const) },
      {
        weight: 5,
        arbitrary: fc.record({
          do: fc.constant('end' as const),
          which: fc.nat(),
          as: fc.constantFrom<Outcome>(...failures, ...failures, 'fine', 'BUSINESS', 'PUSH_BACK', 'WITHDRAWN'),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(500) }) },
    );

    /** The same rules over a plain list of verdicts. */
    class Model {
      state: 'closed' | 'open' | 'half-open' = 'closed';
      /** When the last probe began, as long as it is in flight. */
      probedAt: number | undefined;
      untilAt = 0;
      period = 0;
      #inARow = 0;
      #failedAt = 0;
      #verdicts: { readonly bucket: number; readonly failed: boolean }[] = [];
      readonly #startedAt = performance.now();

      enter(state: Model['state']): void {
        this.state = state;
        this.period += 1;
        this.probedAt = undefined;
        this.#inARow = 0;
        if (state === 'closed') this.#verdicts = [];
        if (state === 'open') this.untilAt = performance.now() + options.restMs;
      }

      end(begunIn: number, begunAt: number, as: Outcome): void {
        if (begunIn !== this.period) return;
        const failed = failures.includes(as);
        const counts = failed || successes.includes(as);
        if (this.state === 'half-open') {
          if (begunAt === this.probedAt) this.probedAt = undefined;
          if (counts) this.enter(failed ? 'open' : 'closed');
        } else if (counts) {
          this.#count(failed, begunAt);
        }
      }

      #count(failed: boolean, begunAt: number): void {
        const bucket = Math.floor((performance.now() - this.#startedAt) / (options.windowMs / 10));
        this.#verdicts = [...this.#verdicts, { bucket, failed }].filter((verdict) => verdict.bucket > bucket - 10);
        const isMore = this.#inARow === 0 || begunAt >= this.#failedAt;
        if (!failed) this.#inARow = 0;
        else if (isMore) {
          this.#inARow += 1;
          this.#failedAt = performance.now();
        }
        const rate = this.#verdicts.filter((verdict) => !verdict.failed).length / this.#verdicts.length;
        const tooLow = failed && this.#verdicts.length >= options.callsMin && rate < options.successRateMin;
        if (this.#inARow >= options.failuresMax || tooLow) this.enter('open');
      }
    }

    const legal = new Set(['closed > open', 'open > half-open', 'half-open > open', 'half-open > closed']);

    async function check(steps: readonly Step[], breaker: CircuitBreaker, transitions: string[]): Promise<void> {
      const model = new Model();
      const under = new Map<
        PromiseWithResolvers<unknown>,
        { begunIn: number; begunAt: number; outcome: Promise<unknown> }
      >();
      let probes = 0;
      const guarded = breaker.interceptor((call) => (call.params as PromiseWithResolvers<unknown>).promise);
      for (const taken of steps) {
        if (taken.do === 'wait') {
          const restedAt = model.untilAt;
          await clock.tickAsync(taken.ms);
          if (model.state === 'open' && performance.now() >= restedAt) model.enter('half-open');
        } else if (taken.do === 'begin') {
          const answer = Promise.withResolvers<unknown>();
          const outcome = guarded(callOf({ params: answer })).catch((error) => error);
          const { probedAt = Number.NEGATIVE_INFINITY } = model;
          const mayProbe = performance.now() - probedAt >= options.restMs;
          const passes = model.state === 'closed' || (model.state === 'half-open' && mayProbe);
          if (passes) under.set(answer, { begunIn: model.period, begunAt: performance.now(), outcome });
          else assert.equal(((await outcome) as RpcError).neverSent, true);
          if (passes && model.state === 'half-open') {
            model.probedAt = performance.now();
            probes += 1;
          }
        } else if (under.size > 0) {
          const [answer, { begunIn, begunAt, outcome }] = [...under][taken.which % under.size] as [
            PromiseWithResolvers<unknown>,
            { begunIn: number; begunAt: number; outcome: Promise<unknown> },
          ];
          under.delete(answer);
          const result = outcomes[taken.as];
          if (result instanceof Error) answer.reject(result);
          else answer.resolve(result);
          assert.equal(await outcome, result);
          model.end(begunIn, begunAt, taken.as);
        }
        assert.equal(breaker.state.name, model.state);
        if (breaker.state.name === 'open') assert.equal(breaker.state.untilAt, model.untilAt);
        if (breaker.state.name === 'half-open') assert.equal(breaker.state.probing, model.probedAt !== undefined);
        const probesUnderWay = [...under.values()].filter(
          ({ begunIn, begunAt }) => begunIn === model.period && performance.now() - begunAt < options.restMs,
        ).length;
        if (model.state === 'half-open') assert.ok(probesUnderWay <= 1, `${probesUnderWay} of ${probes} probes`);
      }
      for (const [index, to] of transitions.entries()) {
        assert.ok(legal.has(`${transitions[index - 1] ?? 'closed'} > ${to}`), transitions.join(' > '));
      }
    }

    it('it is in the state that the rules say, by legal transitions only, with one probe at most within the time of a rest', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 100, maxLength: 300 }), async (steps) => {
          const transitions: string[] = [];
          const on = {
            open: () => void transitions.push('open'),
            halfOpen: () => void transitions.push('half-open'),
            close: () => void transitions.push('closed'),
          };
          using breaker = createCircuitBreaker({ ...options, on });
          await check(steps, breaker, transitions);
        }),
        { numRuns: 80 },
      );
    });

    it('whatever happened, it lets a call through once it has rested and its probe is over', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
          using breaker = createCircuitBreaker(options);
          const open = new Set<PromiseWithResolvers<unknown>>();
          const guarded = breaker.interceptor((call) => (call.params as PromiseWithResolvers<unknown>).promise);
          for (const taken of steps) {
            if (taken.do === 'wait') await clock.tickAsync(taken.ms);
            else if (taken.do === 'begin') {
              const answer = Promise.withResolvers<unknown>();
              open.add(answer);
              guarded(callFor(300, { params: answer })).catch(() => {});
            } else {
              const [answer] = open;
              if (answer) open.delete(answer);
              answer?.reject(outcomes[taken.as === 'fine' ? 'BROKEN' : taken.as]);
            }
          }
          // Every call is over by its deadline, and a probe among them may have opened the circuit just then.
          await clock.tickAsync(300 + options.restMs);
          const answer = Promise.withResolvers<unknown>();
          answer.resolve('fine');
          assert.equal(await guarded(callOf({ params: answer })), 'fine');
          assert.equal(breaker.state.name, 'closed');
        }),
        { numRuns: 100 },
      );
    });
  });
});
