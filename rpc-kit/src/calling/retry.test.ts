import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { callFor, callOf, shop } from '../../test/call-stubs.ts';
import type { Call, Next } from '../call.ts';
import { createClient } from '../client.ts';
import { CODES, type Code } from '../code.ts';
import { RpcError, type RpcErrorOptions } from '../rpc-error.ts';
import { implement } from '../server.ts';
import { type RetryEvents, retry } from './retry.ts';
import type { RetryBudget } from './retry-budget.ts';
import { createRetryBudget } from './retry-budget.ts';

const NEVER_SENT = new RpcError('unavailable', 'cannot be reached', { neverSent: true });
const BROKEN = new RpcError('unavailable', 'the connection broke');
const OVERLOADED = new RpcError('unavailable', 'too much', { reason: 'overloaded' });
const TIMEOUT = new RpcError('deadline_exceeded', 'too late');

describe('retry', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => clock.restore());

  const generous: RetryBudget = { deposit() {}, tryWithdraw: () => true, balance: Number.POSITIVE_INFINITY };
  const spent: RetryBudget = { deposit() {}, tryWithdraw: () => false, balance: 0 };

  /** Answers with each of these in turn, then for ever with the last. */
  function answering(...answers: unknown[]): sinon.SinonStub<[Call], Promise<unknown>> {
    let index = 0;
    return sinon.stub<[Call], Promise<unknown>>().callsFake(async () => {
      const answer = answers[Math.min(index++, answers.length - 1)];
      if (answer instanceof Error) throw answer;
      return answer;
    });
  }

  function listeners() {
    return {
      retry: sinon.spy<RetryEvents['retry']>(() => {}),
      recovered: sinon.spy<RetryEvents['recovered']>(() => {}),
      giveUp: sinon.spy<RetryEvents['giveUp']>(() => {}),
    };
  }

  type Outcome = { readonly value: unknown } | { readonly error: unknown };

  /** Runs a call to its end, however long that takes on the fake clock. */
  async function run(next: Next, call: Call): Promise<Outcome> {
    let outcome: Outcome | undefined;
    next(call).then(
      (value) => {
        outcome = { value };
      },
      (error) => {
        outcome = { error };
      },
    );
    for (let turns = 0; !outcome; turns++) {
      assert.ok(turns < 100, 'the call does not end');
      await clock.nextAsync();
    }
    return outcome;
  }

  it('lets a success through as it is', async () => {
    const on = listeners();
    const next = answering('fine');
    assert.deepEqual(await run(retry({ budget: generous, on })(next), callOf()), { value: 'fine' });
    sinon.assert.calledOnce(next);
    sinon.assert.notCalled(on.retry);
    sinon.assert.notCalled(on.recovered);
    sinon.assert.notCalled(on.giveUp);
  });

  it('sends a read that failed again, and says so', async () => {
    const on = listeners();
    const next = answering(BROKEN, 'fine');
    const call = callOf();
    const outcome = await run(retry({ budget: generous, on, random: () => 0.5 })(next), call);
    assert.deepEqual(outcome, { value: 'fine' });
    sinon.assert.calledTwice(next);
    assert.deepEqual(
      next.args.map(([sent]) => sent),
      [call, call],
    );
    sinon.assert.calledOnceWithExactly(on.retry, { call, attempt: 1, delayMs: 12.5, error: BROKEN });
    sinon.assert.calledOnceWithExactly(on.recovered, { call, attempts: 2 });
    sinon.assert.notCalled(on.giveUp);
  });

  it('fails with the last failure when the attempts are used up', async () => {
    const on = listeners();
    const next = answering(BROKEN, BROKEN, TIMEOUT, 'too late');
    const call = callOf();
    assert.deepEqual(await run(retry({ budget: generous, on })(next), call), { error: TIMEOUT });
    sinon.assert.calledThrice(next);
    sinon.assert.calledOnceWithExactly(on.giveUp, { call, attempts: 3, error: TIMEOUT, why: 'attempts' });
  });

  it('makes at most attemptsMax attempts', async () => {
    for (const attemptsMax of [1, 2, 5]) {
      const next = answering(BROKEN);
      await run(retry({ budget: generous, attemptsMax })(next), callOf());
      sinon.assert.callCount(next, attemptsMax);
    }
  });

  it('refuses options outside their ranges', () => {
    for (const wrong of [
      { attemptsMax: 0 },
      { attemptsMax: Number.NaN },
      { backoff: { baseMs: -1 } },
      { backoff: { maxMs: Number.NaN } },
    ]) {
      assert.throws(() => retry({ budget: generous, ...wrong }), RangeError);
    }
  });

  it('treats other errors as internal failures, which are final', async () => {
    const next = answering(new TypeError('a mistake'));
    const outcome = await run(retry({ budget: generous })(next), callOf());
    assert.ok('error' in outcome && outcome.error instanceof RpcError && outcome.error.code === 'internal');
    sinon.assert.calledOnce(next);
  });

  describe('what it sends again', () => {
    const withKey = { method: 'buy', params: { idempotencyKey: 'k1' } } as const;
    const withKeyBeside = { method: 'buy', caller: { idempotencyKey: 'k1' } } as const;
    const calls = {
      read: { method: 'look' },
      withKey,
      withKeyBeside,
      keyless: { method: 'buy' },
      write: { method: 'ring' },
    };
    const safe = ['read', 'withKey', 'withKeyBeside'];
    const all = Object.keys(calls);
    const never: string[] = [];
    const bare: Record<Code, string[]> = {
      parse_error: never,
      invalid_request: never,
      method_not_found: never,
      invalid_params: never,
      internal: never,
      cancelled: never,
      deadline_exceeded: safe,
      not_found: never,
      already_exists: never,
      permission_denied: never,
      resource_exhausted: safe,
      failed_precondition: never,
      aborted: never,
      unimplemented: never,
      unavailable: safe,
      unauthenticated: never,
    };
    const cases: [Code, RpcErrorOptions, string[]][] = [
      ...(Object.keys(CODES) as Code[]).map((code): [Code, RpcErrorOptions, string[]] => [code, {}, bare[code]]),
      ['unavailable', { neverSent: true }, all],
      ['unavailable', { neverSent: true, retryAfterMs: 10 }, all],
      ['unavailable', { reason: 'overloaded', retryAfterMs: 10 }, all],
      ['resource_exhausted', { reason: 'overloaded' }, all],
      ['unavailable', { retryAfterMs: 10 }, safe],
      ['resource_exhausted', { retryAfterMs: 10 }, safe],
      ['aborted', { retryAfterMs: 10 }, never],
      ['internal', { reason: 'overloaded' }, never],
    ];
    for (const [code, options, expected] of cases) {
      const words = `${code} ${Object.keys(options).length > 0 ? JSON.stringify(options) : ''}`;
      it(`${words}: ${expected.join(', ') || 'nothing'}`, async () => {
        const again: string[] = [];
        for (const [name, stub] of Object.entries(calls)) {
          const next = answering(new RpcError(code, 'no', options), 'fine');
          await run(retry({ budget: generous })(next), callOf(stub as { method: 'look' }));
          if (next.callCount > 1) again.push(name);
        }
        assert.deepEqual(again, expected);
      });
    }

    it('nothing of a method that no contract describes, unless it never arrived', async () => {
      for (const [failure, count] of [
        [BROKEN, 1],
        [NEVER_SENT, 2],
      ] as const) {
        const next = answering(failure, 'fine');
        await run(retry({ budget: generous })(next), { ...callOf(), contract: undefined });
        sinon.assert.callCount(next, count);
      }
    });

    it('an empty key is none, and a key that is no text neither', async () => {
      for (const idempotencyKey of ['', 7, null]) {
        const next = answering(BROKEN, 'fine');
        await run(retry({ budget: generous })(next), callOf({ method: 'buy', params: { idempotencyKey } }));
        sinon.assert.calledOnce(next);
      }
      const next = answering(BROKEN, 'fine');
      await run(retry({ budget: generous })(next), callOf({ method: 'buy', params: undefined }));
      sinon.assert.calledOnce(next);
    });

    it('says why a write is not', async () => {
      const on = listeners();
      const call = callOf({ method: 'ring' });
      await run(retry({ budget: generous, on })(answering(TIMEOUT)), call);
      sinon.assert.calledOnceWithExactly(on.giveUp, { call, attempts: 1, error: TIMEOUT, why: 'unsafe' });
    });

    it('has no word for what no attempt would mend', async () => {
      const on = listeners();
      await run(retry({ budget: generous, on })(answering(new RpcError('not_found', 'no'))), callOf());
      sinon.assert.notCalled(on.giveUp);
    });
  });

  describe('its pauses', () => {
    async function pausesOf(failures: RpcError[], random: () => number, backoff = {}): Promise<number[]> {
      const on = listeners();
      const next = answering(...failures, 'fine');
      await run(retry({ budget: generous, attemptsMax: failures.length + 1, random, on, backoff })(next), callOf());
      return on.retry.args.map(([{ delayMs }]) => delayMs);
    }

    it('double their bound up to the maximum', async () => {
      const pauses = await pausesOf(Array(8).fill(BROKEN), () => 1 - Number.EPSILON);
      assert.deepEqual(pauses.map(Math.round), [25, 50, 100, 200, 400, 800, 1_000, 1_000]);
    });

    it('are anything between nothing and the bound', async () => {
      assert.deepEqual(await pausesOf([BROKEN, BROKEN], () => 0), [0, 0]);
      assert.deepEqual(await pausesOf([BROKEN, BROKEN], () => 0.1, { baseMs: 10, maxMs: 15 }), [1, 1.5]);
    });

    it('come on top of what the peer asks for', async () => {
      const asked = new RpcError('unavailable', 'later', { retryAfterMs: 300 });
      assert.deepEqual(await pausesOf([asked, BROKEN], () => 0.5), [312.5, 25]);
    });

    it('are really waited for', async () => {
      const next = answering(BROKEN, 'fine');
      const done = retry({ budget: generous, random: () => 0.5, backoff: { baseMs: 200 } })(next)(callOf());
      await clock.tickAsync(99);
      sinon.assert.calledOnce(next);
      await clock.tickAsync(1);
      sinon.assert.calledTwice(next);
      assert.equal(await done, 'fine');
      assert.equal(clock.countTimers(), 0);
    });
  });

  describe('the one deadline of all attempts', () => {
    it('is not waited beyond: the call fails at once with its last failure', async () => {
      const on = listeners();
      const asked = new RpcError('unavailable', 'later', { retryAfterMs: 500 });
      const next = answering(asked);
      const call = callFor(500, {});
      const startedAt = performance.now();
      await assert.rejects(retry({ budget: generous, random: () => 0, on })(next)(call), asked);
      assert.equal(performance.now(), startedAt);
      sinon.assert.calledOnceWithExactly(on.giveUp, { call, attempts: 1, error: asked, why: 'time' });
    });

    it('is used as far as it goes', async () => {
      const asked = new RpcError('unavailable', 'later', { retryAfterMs: 499 });
      const next = answering(asked, 'fine');
      assert.deepEqual(await run(retry({ budget: generous, random: () => 0 })(next), callFor(500)), { value: 'fine' });
    });

    it('leaves nothing to retry when it has passed', async () => {
      const on = listeners();
      const next = sinon.stub<[Call], Promise<unknown>>().callsFake(async (call) => {
        await clock.tickAsync(500);
        throw call.signal.reason;
      });
      await assert.rejects(retry({ budget: generous, on })(next)(callFor(500)), { code: 'deadline_exceeded' });
      sinon.assert.calledOnce(next);
      assert.equal(on.giveUp.firstCall.args[0].why, 'time');
    });
  });

  describe('a caller that leaves', () => {
    it('ends the pause and prevents further attempts', async () => {
      const caller = new AbortController();
      const next = answering(BROKEN, 'too late');
      const done = retry({ budget: generous, random: () => 0.9 })(next)(callOf({ signal: caller.signal }));
      await clock.tickAsync(5);
      caller.abort();
      await assert.rejects(done, { code: 'cancelled' });
      assert.equal(clock.countTimers(), 0);
      sinon.assert.calledOnce(next);
    });

    it('is not tried for again, whatever the attempt failed with', async () => {
      const caller = new AbortController();
      const next = sinon.stub<[Call], Promise<unknown>>().callsFake(async () => {
        caller.abort();
        throw BROKEN;
      });
      await assert.rejects(retry({ budget: generous })(next)(callOf({ signal: caller.signal })), BROKEN);
      sinon.assert.calledOnce(next);
    });
  });

  describe('the budget', () => {
    it('receives one deposit a call, and a retry withdraws from it', async () => {
      const budget = createRetryBudget({ perSecondMin: 0 });
      const failing = retry({ budget })(answering(BROKEN));
      for (let call = 0; call < 10; call++) await run(failing, callOf());
      assert.equal(budget.balance, 0);
      const on = listeners();
      const next = answering(BROKEN);
      await run(retry({ budget, on })(next), callOf());
      sinon.assert.calledOnce(next);
      assert.equal(on.giveUp.firstCall.args[0].why, 'budget');
    });

    it('when spent lets nothing be sent again, not even what never arrived', async () => {
      for (const failure of [BROKEN, OVERLOADED, NEVER_SENT]) {
        const next = answering(failure);
        assert.deepEqual(await run(retry({ budget: spent })(next), callOf()), { error: failure });
        sinon.assert.calledOnce(next);
      }
    });

    it('is not charged for what is not sent', async () => {
      const budget = createRetryBudget();
      const before = budget.balance;
      await run(retry({ budget })(answering(BROKEN)), callOf({ method: 'ring' }));
      await run(retry({ budget, attemptsMax: 1 })(answering(BROKEN)), callOf());
      assert.equal(Math.round((budget.balance - before) * 10), 2);
    });

    it('bounds a storm: requests ≤ 1.1 × calls + one a second and one', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ waitMs: fc.nat(700), calls: fc.nat(30) }), { minLength: 1, maxLength: 20 }),
          fc.constantFrom(BROKEN, OVERLOADED, NEVER_SENT, TIMEOUT),
          async (steps, failure) => {
            const startedAt = performance.now();
            const next = answering(failure);
            const storm = retry({ budget: createRetryBudget() })(next);
            let calls = 0;
            for (const { waitMs, calls: count } of steps) {
              for (let each = 0; each < count; each++) storm(callOf()).catch(() => {});
              calls += count;
              await clock.tickAsync(waitMs);
            }
            await clock.runAllAsync();
            const seconds = (performance.now() - startedAt) / 1_000;
            assert.ok(next.callCount <= 1.1 * calls + seconds + 1, `${next.callCount} requests of ${calls} calls`);
          },
        ),
        { numRuns: 40 },
      );
    });
  });

  describe('calls within calls', () => {
    it('are left to the outermost caller', async () => {
      const on = listeners();
      for (const failure of [BROKEN, OVERLOADED, TIMEOUT]) {
        const next = answering(failure);
        const call = callOf({ nested: true });
        assert.deepEqual(await run(retry({ budget: generous, on })(next), call), { error: failure });
        sinon.assert.calledOnce(next);
        sinon.assert.calledWithExactly(on.giveUp, { call, attempts: 1, error: failure, why: 'nested' });
      }
    });

    it('are sent again when they never arrived', async () => {
      const next = answering(NEVER_SENT, 'fine');
      assert.deepEqual(await run(retry({ budget: generous })(next), callOf({ nested: true })), { value: 'fine' });
    });

    /** A caller of a shop that asks a warehouse, each with a retry of its own; the warehouse is down. */
    async function attemptsAtBoth(failure: RpcError): Promise<{ shop: number; warehouse: number }> {
      const warehouse = answering(failure);
      const interceptors = [retry({ budget: generous })];
      const warehouseClient = createClient(shop, { call: warehouse }, { interceptors });
      let shopCalls = 0;
      const service = implement(shop, {
        async look(_params, call) {
          shopCalls += 1;
          return warehouseClient.look({}, call);
        },
        buy: async () => ({}),
        ring: async () => ({}),
      });
      const client = createClient(shop, service, { interceptors });
      const failed = assert.rejects(client.look({}));
      await clock.runAllAsync();
      await failed;
      return { shop: shopCalls, warehouse: warehouse.callCount };
    }

    it('make three attempts in all, not nine', async () => {
      assert.deepEqual(await attemptsAtBoth(BROKEN), { shop: 3, warehouse: 3 });
    });

    it('that never arrived say nothing about the call of the outer caller', async () => {
      assert.deepEqual(await attemptsAtBoth(NEVER_SENT), { shop: 3, warehouse: 9 });
      const warehouseClient = createClient(shop, { call: answering(NEVER_SENT) });
      const service = implement(shop, {
        look: async () => ({}),
        buy: async () => ({}),
        ring: (_params, call) => warehouseClient.look({}, call),
      });
      const client = createClient(shop, service, { interceptors: [retry({ budget: generous })] });
      await assert.rejects(client.ring({}), { code: 'unavailable', neverSent: false });
    });
  });

  it('is not hurt by a listener that throws', async () => {
    sinon.stub(process, 'emitWarning');
    const broken = () => assert.fail('a listener');
    const on = { retry: broken, recovered: broken, giveUp: broken };
    assert.deepEqual(await run(retry({ budget: generous, on })(answering(BROKEN, 'fine')), callOf()), {
      value: 'fine',
    });
    assert.deepEqual(await run(retry({ budget: spent, on })(answering(BROKEN)), callOf()), { error: BROKEN });
    sinon.restore();
  });
});
