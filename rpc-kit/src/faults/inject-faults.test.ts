import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import sinon from 'sinon';
import { callFor, callOf, shop } from '../../test/call-stubs.ts';
import type { Call, Next } from '../call.ts';
import { faultMetrics } from '../telemetry/fault-metrics.ts';
import type { Fault } from './fault.ts';
import { type FaultEvents, injectFaults } from './inject-faults.ts';

const buy = (): Call => callOf({ method: 'buy' });
const DROP: Fault = { method: 'buy', kind: 'drop', share: 1, code: 'unavailable' };
const DROP_SOME: Fault = { ...DROP, share: 0.3 };

describe('Injected faults', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    assert.equal(clock.countTimers(), 0);
    clock.restore();
  });

  /** Which of so many calls fail, as their numbers. */
  async function failuresOf(next: Next, calls: readonly Call[]): Promise<number[]> {
    const outcomes = await Promise.allSettled(calls.map((call) => next(call)));
    return outcomes.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []));
  }

  it('delay a call, which then takes place', async () => {
    const next = sinon.stub().resolves('done');
    const faulty = injectFaults(shop, { faults: [{ method: 'buy', kind: 'delay', share: 1, ms: 200 }] })(next);
    const answer = faulty(buy());
    await clock.tickAsync(199);
    sinon.assert.notCalled(next);
    await clock.tickAsync(1);
    assert.equal(await answer, 'done');
  });

  it('end a delay at the deadline of the call, which does not take place', async () => {
    const next = sinon.stub().resolves('done');
    const faulty = injectFaults(shop, { faults: [{ method: 'buy', kind: 'delay', share: 1, ms: 200 }] })(next);
    const answer = assert.rejects(faulty(callFor(50, { method: 'buy' })), { code: 'deadline_exceeded' });
    await clock.tickAsync(50);
    await answer;
    sinon.assert.notCalled(next);
  });

  it('delay a thousand calls at a time, and no more', async () => {
    const next = sinon.stub().resolves('done');
    const faulty = injectFaults(shop, { faults: [{ method: 'buy', kind: 'delay', share: 1, ms: 200 }] })(next);
    const answers = Array.from({ length: 1_003 }, () => faulty(buy()));
    await clock.tickAsync(100);
    sinon.assert.callCount(next, 3);
    await clock.tickAsync(100);
    await Promise.all(answers);
    sinon.assert.callCount(next, 1_003);
  });

  it('abort a call with the code, before it takes place', async () => {
    const next = sinon.stub();
    const faulty = injectFaults(shop, { faults: [{ method: '*', kind: 'abort', share: 1, code: 'aborted' }] })(next);
    await assert.rejects(faulty(buy()), { code: 'aborted' });
    sinon.assert.notCalled(next);
  });

  it('drop the answer of a call that took place, and its failure too', async () => {
    const next = sinon.stub().onFirstCall().resolves('done').onSecondCall().rejects(new Error('sold out'));
    const faulty = injectFaults(shop, { faults: [DROP] })(next);
    for (let call = 1; call <= 2; call++) {
      await assert.rejects(faulty(buy()), { code: 'unavailable', message: 'The answer was dropped on purpose' });
      sinon.assert.callCount(next, call);
    }
  });

  it('hold back a dropped answer until the deadline, where the fault says so', async () => {
    const faulty = injectFaults(shop, { faults: [{ ...DROP, code: 'deadline_exceeded' }] })(async () => 'done');
    const startedAt = performance.now();
    const answer = assert.rejects(faulty(callFor(80, { method: 'buy' })), { code: 'deadline_exceeded' });
    await clock.tickAsync(80);
    await answer;
    assert.equal(performance.now() - startedAt, 80);
  });

  it('break a stream off behind its first item', async () => {
    const taken: unknown[] = [];
    const emit = async (item: unknown) => void taken.push(item);
    const next: Next = async (call) => {
      for (const item of [1, 2, 3]) await call.emit?.(item);
    };
    await assert.rejects(injectFaults(shop, { faults: [DROP] })(next)({ ...buy(), emit }), { code: 'unavailable' });
    assert.deepEqual(taken, [1]);
  });

  it('meet only calls of their method, and none of a method that the contract does not have', async () => {
    const faulty = injectFaults(shop, { faults: [{ ...DROP, method: '*' }] })(async () => 'done');
    assert.equal(await faulty({ ...buy(), contract: undefined }), 'done');
    const one = injectFaults(shop, { faults: [DROP] })(async () => 'done');
    assert.equal(await one(callOf()), 'done');
  });

  it('add no step to calls of a method without faults', () => {
    const answer = Promise.resolve('done');
    assert.equal(injectFaults(shop, { faults: [DROP] })(() => answer)(callOf()), answer);
  });

  it('meet the same calls with the same seed, and others with another', async () => {
    const calls = Array.from({ length: 200 }, buy);
    const run = (seed: number) =>
      failuresOf(
        injectFaults(shop, { faults: [DROP_SOME], seed })(async () => 1),
        calls,
      );
    assert.deepEqual(await run(7), await run(7));
    assert.notDeepEqual(await run(7), await run(8));
  });

  it('meet the same calls of a method, whatever other methods are called in between and however other faults fall', async () => {
    const calls = Array.from({ length: 200 }, buy);
    const mixed = calls.flatMap((call) => [callOf(), call, callOf({ method: 'ring' })]);
    const other: Fault = { method: 'ring', kind: 'abort', share: 0.5, code: 'internal' };
    const alone = await failuresOf(
      injectFaults(shop, { faults: [DROP_SOME], seed: 7 })(async () => 1),
      calls,
    );
    const all = await failuresOf(
      injectFaults(shop, { faults: [DROP_SOME, other], seed: 7 })(async () => 1),
      mixed,
    );
    const bought = all.filter((index) => index % 3 === 1).map((index) => (index - 1) / 3);
    assert.deepEqual(bought, alone);
  });

  it('meet about their share of the calls, each fault independently of the others', async () => {
    const calls = Array.from({ length: 20_000 }, buy);
    const abort: Fault = { method: 'buy', kind: 'abort', share: 0.3, code: 'internal' };
    const counts = { drop: 0, abort: 0, delay: 0 };
    for (let seed = 0; seed < 3; seed++) {
      const on: Partial<FaultEvents> = {
        injected({ kind }) {
          counts[kind] += 1;
        },
      };
      await failuresOf(
        injectFaults(shop, { faults: [abort, DROP_SOME], seed, on })(async () => 1),
        calls,
      );
    }
    // Of those that are not aborted, 0.3 are dropped: 0.21. Five standard deviations of 60,000 draws are 0.01.
    assert.ok(Math.abs(counts.abort / 60_000 - 0.3) < 0.01, String(counts.abort));
    assert.ok(Math.abs(counts.drop / 60_000 - 0.21) < 0.01, String(counts.drop));
  });

  it('choose a seed and name it', async () => {
    const calls = Array.from({ length: 200 }, buy);
    const first = injectFaults(shop, { faults: [DROP_SOME] });
    const again = injectFaults(shop, { faults: [DROP_SOME], seed: first.seed });
    assert.deepEqual(
      await failuresOf(
        first(async () => 1),
        calls,
      ),
      await failuresOf(
        again(async () => 1),
        calls,
      ),
    );
  });

  it('refuse a method that the contract does not have', () => {
    const faults = [{ ...DROP, method: 'buyy' }];
    assert.throws(() => injectFaults(shop, { faults }), { message: 'shop has no method "buyy"' });
    assert.throws(() => injectFaults(shop, { faults: [{ ...DROP, method: 'toString' }] }), RangeError);
  });

  it('are counted by method and kind', async () => {
    const registry = new Registry();
    const faulty = injectFaults(shop, { faults: [DROP], on: faultMetrics(registry) })(async () => 1);
    await assert.rejects(faulty(buy()));
    assert.match(await registry.metrics(), /rpc_faults_injected_total\{method="buy",kind="drop"\} 1/);
  });
});
