import assert from 'node:assert/strict';
import sinon from 'sinon';
import { callOf } from '../../test/call-stubs.ts';
import type { Call } from '../call.ts';
import { RpcError } from '../rpc-error.ts';
import { createBalancer } from './balancer.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { failureOf } from './failure.ts';
import { hedging } from './hedging.ts';

const BROKEN = new RpcError('unavailable', 'the connection broke');
const LATE = new RpcError('deadline_exceeded', 'too late');

const streamOf = (): Call => ({ ...callOf(), emit: async () => {} });

describe('The policies of a client, for a stream', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    assert.equal(clock.countTimers(), 0);
    clock.restore();
  });

  it('take its deadline for no failure of the peer', () => {
    assert.equal(failureOf(streamOf(), LATE), 'withdrawn');
    assert.equal(failureOf(callOf(), LATE), 'broken');
  });

  it('call it once, however long it takes', async () => {
    const next = sinon.stub().callsFake(() => new Promise((resolve) => setTimeout(resolve, 60_000)));
    const budget = { deposit() {}, tryWithdraw: () => true, balance: 1 };
    const done = hedging({ budget, afterMs: 50 })(next)(streamOf());
    await clock.tickAsync(60_000);
    await done;
    sinon.assert.calledOnce(next);
  });

  it('let it pass a circuit that probes, hold up no probe by it, and count its failure', async () => {
    using breaker = createCircuitBreaker({ failuresMax: 1, restMs: 1_000 });
    const { promise, reject } = Promise.withResolvers<unknown>();
    const answers = [() => Promise.reject(BROKEN), () => promise, async () => 'fine', () => Promise.reject(BROKEN)];
    const guarded = breaker.interceptor(() => (answers.shift() as () => Promise<unknown>)());
    await assert.rejects(guarded(callOf()), BROKEN);
    await assert.rejects(guarded(streamOf()), { code: 'unavailable', neverSent: true });
    await clock.tickAsync(1_000);
    const stream = guarded(streamOf());
    assert.equal(await guarded(callOf()), 'fine');
    assert.equal(breaker.state.name, 'closed');
    reject(BROKEN);
    await assert.rejects(stream, BROKEN);
    await assert.rejects(guarded(streamOf()), BROKEN);
    assert.equal(breaker.state.name, 'open');
  });

  it('let one probe pass at a time, even when a stream has been left meanwhile', async () => {
    using breaker = createCircuitBreaker({ failuresMax: 1, restMs: 1_000 });
    const left = Promise.withResolvers<unknown>();
    const probe = Promise.withResolvers<unknown>();
    const answers = [() => Promise.reject(BROKEN), () => left.promise, () => probe.promise];
    const guarded = breaker.interceptor(() => (answers.shift() as () => Promise<unknown>)());
    await assert.rejects(guarded(callOf()), BROKEN);
    await clock.tickAsync(1_000);
    const stream = guarded(streamOf());
    const probing = guarded(callOf());
    left.reject(new RpcError('cancelled', 'the caller left'));
    await assert.rejects(stream, { code: 'cancelled' });
    await assert.rejects(guarded(callOf()), { code: 'unavailable', neverSent: true });
    probe.resolve('fine');
    assert.equal(await probing, 'fine');
    assert.equal(breaker.state.name, 'closed');
  });

  it('count it neither as load nor as latency of its endpoint, but keep its transport until it has ended', async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const closed: string[] = [];
    let update: (urls: readonly string[]) => void = () => {};
    const balancer = createBalancer({
      endpoints: {
        start(given) {
          update = given;
          given(['a']);
          return { [Symbol.dispose]() {} };
        },
      },
      connect: (url) => ({
        call: (call) => (call.emit ? promise : Promise.resolve(url)),
        async [Symbol.asyncDispose]() {
          closed.push(url);
        },
      }),
    });
    const stream = balancer.call(streamOf());
    assert.deepEqual(
      balancer.endpoints.map(({ pending }) => pending),
      [0],
    );
    update(['b']);
    assert.equal(await balancer.call(callOf()), 'b');
    assert.deepEqual(closed, []);
    resolve(undefined);
    await stream;
    assert.deepEqual(closed, ['a']);
    await balancer[Symbol.asyncDispose]();
  });
});
