import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import sinon from 'sinon';
import { callOf } from '../../test/call-stubs.ts';
import type { Call } from '../call.ts';
import { createCircuitBreaker } from '../calling/circuit-breaker.ts';
import { hedging } from '../calling/hedging.ts';
import { retry } from '../calling/retry.ts';
import { createRetryBudget } from '../calling/retry-budget.ts';
import { createSharedLimit } from '../calling/shared-limit.ts';
import { RpcError } from '../rpc-error.ts';
import {
  breakerMetrics,
  hedgingMetrics,
  retryBudgetMetrics,
  retryMetrics,
  sharedLimitMetrics,
} from './policy-metrics.ts';

const BROKEN = new RpcError('unavailable', 'the connection broke');

describe('the metrics of policies', () => {
  let clock: sinon.SinonFakeTimers;
  let registry: Registry;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
    registry = new Registry();
  });
  afterEach(() => clock.restore());

  /** The lines of the metric, without its help. */
  async function lines(name: string): Promise<string[]> {
    const text = await registry.getSingleMetricAsString(name);
    return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  }

  it('count retries, what they recovered, and why there was none', async () => {
    const budget = createRetryBudget({ perSecondMin: 60 });
    const next = sinon.stub<[Call], Promise<unknown>>();
    next.rejects(BROKEN).onCall(1).resolves('fine');
    const guarded = retry({ budget, on: retryMetrics(registry) })(next);
    const calls = [callOf(), callOf({ method: 'ring' }), { ...callOf(), contract: undefined }];
    for (const call of calls) {
      const outcome = guarded(call).catch(() => {});
      await clock.runAllAsync();
      await outcome;
    }
    assert.deepEqual(await lines('rpc_client_retries_total'), [
      'rpc_client_retries_total{peer="shop",method="look",outcome="sent"} 1',
      'rpc_client_retries_total{peer="shop",method="look",outcome="recovered"} 1',
      'rpc_client_retries_total{peer="shop",method="ring",outcome="unsafe"} 1',
      'rpc_client_retries_total{peer="shop",method="unknown",outcome="unsafe"} 1',
    ]);
  });

  it('show the budget of each peer as it is when asked', async () => {
    const loms = createRetryBudget();
    retryBudgetMetrics(registry, 'loms', loms);
    retryBudgetMetrics(registry, 'products', createRetryBudget({ perSecondMin: 3 }));
    loms.tryWithdraw();
    for (let call = 0; call < 5; call++) loms.deposit();
    assert.deepEqual(await lines('rpc_client_retry_budget'), [
      'rpc_client_retry_budget{peer="loms"} 0.5',
      'rpc_client_retry_budget{peer="products"} 3',
    ]);
  });

  it('show the state of each breaker, as long as it is there', async () => {
    const labels = { peer: 'loms', endpoint: 'http://10.0.0.1:8081' };
    const line = (state: number) => [
      `rpc_client_breaker_state{peer="loms",endpoint="http://10.0.0.1:8081"} ${state}`,
      'rpc_client_breaker_state{peer="loms",endpoint="http://10.0.0.2:8081"} 0',
    ];
    const breaker = createCircuitBreaker({ failuresMax: 1, restMs: 100, on: breakerMetrics(registry, labels) });
    const other = { ...labels, endpoint: 'http://10.0.0.2:8081' };
    const second = createCircuitBreaker({ on: breakerMetrics(registry, other) });
    assert.deepEqual(await lines('rpc_client_breaker_state'), line(0));
    const next = sinon.stub<[Call], Promise<unknown>>().rejects(BROKEN);
    await assert.rejects(breaker.interceptor(next)(callOf()));
    assert.deepEqual(await lines('rpc_client_breaker_state'), line(2));
    await clock.tickAsync(100);
    assert.deepEqual(await lines('rpc_client_breaker_state'), line(1));
    next.resolves('fine');
    await breaker.interceptor(next)(callOf());
    assert.deepEqual(await lines('rpc_client_breaker_state'), line(0));
    breaker[Symbol.dispose]();
    assert.deepEqual(await lines('rpc_client_breaker_state'), line(0).slice(1));
    second[Symbol.dispose]();
  });

  it('count hedges by outcome', async () => {
    const budget = createRetryBudget({ perSecondMin: 3 });
    const guarded = (firstMs: number, secondMs: number, answer: unknown) => {
      const delays = [firstMs, secondMs];
      return hedging({ budget, afterMs: 10, on: hedgingMetrics(registry) })(async () => {
        await new Promise((resolve) => setTimeout(resolve, delays.shift()));
        if (answer instanceof Error) throw answer;
      });
    };
    for (const next of [
      guarded(100, 1, 'fine'),
      guarded(12, 100, 'fine'),
      guarded(12, 12, BROKEN),
      guarded(100, 1, 'fine'),
      guarded(1, 1, 'fine'),
    ]) {
      const outcome = next(callOf()).catch(() => {});
      await clock.tickAsync(200);
      await outcome;
    }
    assert.deepEqual(await lines('rpc_client_hedges_total'), [
      'rpc_client_hedges_total{peer="shop",method="look",outcome="won"} 1',
      'rpc_client_hedges_total{peer="shop",method="look",outcome="lost"} 1',
      'rpc_client_hedges_total{peer="shop",method="look",outcome="failed"} 1',
      'rpc_client_hedges_total{peer="shop",method="look",outcome="unaffordable"} 1',
    ]);
  });

  it('count the blocks that the store of a shared limit granted, had none left for, or failed to answer', async () => {
    const answers = [{ granted: 1, retryAfterMs: 0 }, { granted: 0, retryAfterMs: 500 }, BROKEN];
    const store = {
      async lease() {
        const answer = answers.shift();
        if (answer instanceof Error || !answer) throw answer;
        return answer;
      },
    };
    const on = sharedLimitMetrics(registry, 'orders');
    const limit = { store, name: 'orders:1', tokens: 1, intervalMs: 1_000, waitersMax: 0, on };
    const shared = createSharedLimit({ ...limit, whenStoreFails: 'refuse' });
    for (let each = 0; each < 3; each++) {
      await shared.tryTake().catch(() => {});
      await clock.tickAsync(500);
    }
    assert.deepEqual(await lines('rpc_limiter_leases_total'), [
      'rpc_limiter_leases_total{limiter="orders",outcome="granted"} 1',
      'rpc_limiter_leases_total{limiter="orders",outcome="empty"} 1',
      'rpc_limiter_leases_total{limiter="orders",outcome="failed"} 1',
    ]);
  });

  it('of several clients share one registry', () => {
    for (let client = 0; client < 2; client++) {
      retryMetrics(registry);
      hedgingMetrics(registry);
      retryBudgetMetrics(registry, 'loms', createRetryBudget());
      breakerMetrics(registry, { peer: 'loms', endpoint: 'a' });
    }
    assert.equal(registry.getMetricsAsArray().length, 4);
  });
});
