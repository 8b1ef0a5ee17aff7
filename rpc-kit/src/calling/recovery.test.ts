import assert from 'node:assert/strict';
import sinon from 'sinon';
import { callFor, callOf } from '../../test/call-stubs.ts';
import { randomOf } from '../../test/random.ts';
import { RpcError } from '../rpc-error.ts';
import { createBalancer } from './balancer.ts';
import { type CircuitBreakerOptions, createCircuitBreaker } from './circuit-breaker.ts';

const BROKEN = new RpcError('unavailable', 'the connection broke');

describe('A balancer whose endpoints have circuit breakers', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => clock.restore());

  function setUp(
    answer: (url: string) => Promise<unknown>,
    urls: readonly string[] = ['a', 'b'],
    options?: CircuitBreakerOptions,
  ) {
    const received: Record<string, number> = Object.fromEntries(urls.map((url) => [url, 0]));
    const ejected: string[] = [];
    const breakers = urls.map(() => createCircuitBreaker(options));
    const balancer = createBalancer({
      endpoints: urls,
      random: randomOf(1),
      connect: (url) =>
        (breakers[urls.indexOf(url)] as (typeof breakers)[number]).guard({
          async call() {
            received[url] = (received[url] ?? 0) + 1;
            return await answer(url);
          },
          async [Symbol.asyncDispose]() {},
        }),
      on: { eject: ({ endpoint, forMs }) => ejected.push(`${endpoint} for ${forMs}`) },
    });
    const states = () => breakers.map(({ state }) => state.name);
    async function traffic(seconds: number): Promise<void> {
      for (let call = 0; call < seconds * 50; call++) {
        void balancer.call(callFor(1_000)).catch(() => {});
        await clock.tickAsync(20);
      }
    }
    return { balancer, received, ejected, states, traffic };
  }

  const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  for (const [what, fail] of [
    ['refuse connections', () => Promise.reject(new RpcError('unavailable', 'refused', { neverSent: true }))],
    ['break connections', () => Promise.reject(BROKEN)],
    ['hang', () => new Promise(() => {})],
  ] as const) {
    it(`calls each of two again within 12 s after both were away for some seconds: they ${what}`, async () => {
      let isAway = false;
      const { received, states, traffic } = setUp(() => (isAway ? fail() : after(5)));
      await traffic(2);
      isAway = true;
      await traffic(6);
      isAway = false;
      await traffic(12);
      assert.deepEqual(states(), ['closed', 'closed']);
      const { a = 0, b = 0 } = received;
      await traffic(4);
      const share = ((received.a ?? 0) - a) / 200;
      assert.ok(share > 0.3 && share < 0.7, `${share}, ${(received.b ?? 0) - b}`);
    });
  }

  it('probes one of four soon that was not ejected, since half of them were, and whose failures made it look slow', async () => {
    let isAway = false;
    const { received, states, traffic } = setUp(
      () => (isAway ? Promise.reject(BROKEN) : after(5)),
      ['a', 'b', 'c', 'd'],
    );
    await traffic(2);
    isAway = true;
    await traffic(6);
    isAway = false;
    await traffic(15);
    assert.deepEqual(states(), ['closed', 'closed', 'closed', 'closed']);
    const before = { ...received };
    await traffic(8);
    for (const [url, count] of Object.entries(received)) {
      const share = (count - (before[url] ?? 0)) / 400;
      assert.ok(share > 0.1 && share < 0.5, `${url}: ${share}`);
    }
  });

  it('does not eject an endpoint again that returns while its circuit is still open', async () => {
    let failed = 0;
    const { balancer, received, ejected, states } = setUp(
      async (url) => {
        if (performance.now() > 0) return;
        if (url === 'b') return await after(50);
        failed += 1;
        await after(1_000 + 20 * failed);
        throw BROKEN;
      },
      ['a', 'b'],
      { callsMin: 10 },
    );
    const outcomes = Promise.allSettled(Array.from({ length: 40 }, () => balancer.call(callOf())));
    await clock.tickAsync(2_000);
    await outcomes;
    // Five failures ejected it; those of the calls that were in flight then opened its circuit, so a little later.
    assert.deepEqual([ejected, states()[0]], [['a for 5000'], 'open']);
    const before = received.a;
    for (let ms = 2_000; ms < 7_000; ms += 20) {
      await clock.tickAsync(20);
      await balancer.call(callOf());
    }
    assert.deepEqual([ejected, states()[0]], [['a for 5000'], 'closed']);
    assert.ok((received.a ?? 0) > (before ?? 0));
  });
});
