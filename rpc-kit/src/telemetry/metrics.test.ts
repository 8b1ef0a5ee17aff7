import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import sinon from 'sinon';
import type { Call } from '../call.ts';
import type { MethodContract } from '../contract.ts';
import { RpcError } from '../rpc-error.ts';
import { testCall } from '../testing.ts';
import { clientMetrics, serverMetrics } from './metrics.ts';

const contract = {} as MethodContract;
const known = (method: string): Call => testCall({ service: 'loms', method, contract });

/** The values of a metric by their labels, e.g. `loms stocks ok`. */
async function valuesOf(registry: Registry, name: string): Promise<Record<string, number>> {
  const metric = await registry.getSingleMetric(name)?.get();
  return Object.fromEntries(
    (metric?.values ?? []).map(({ labels, value }) => [Object.values(labels as object).join(' '), value]),
  );
}

describe('metrics', () => {
  let registry: Registry;
  beforeEach(() => {
    registry = new Registry();
  });

  for (const [side, create, labels] of [
    ['server', serverMetrics, ['service', 'method']],
    ['client', clientMetrics, ['peer', 'method']],
  ] as const) {
    describe(`of a ${side}`, () => {
      it('count calls by method and outcome', async () => {
        const metered = create(registry);
        await metered(async () => 'result')(known('stocks'));
        await metered(async () => 'result')(known('stocks'));
        await metered(() => Promise.reject(new RpcError('not_found', 'no')))(known('stocks')).catch(() => {});
        await metered(() => Promise.reject(new Error('no')))(known('createOrder')).catch(() => {});
        assert.deepEqual(await valuesOf(registry, `rpc_${side}_requests_total`), {
          'loms stocks ok': 2,
          'loms stocks not_found': 1,
          'loms createOrder internal': 1,
        });
        const metric = await registry.getSingleMetric(`rpc_${side}_requests_total`)?.get();
        assert.deepEqual(Object.keys(metric?.values[0]?.labels ?? {}), [...labels, 'code']);
      });

      it('pass results and failures on unchanged', async () => {
        const failure = new Error('no');
        assert.equal(await create(registry)(async () => 'result')(known('stocks')), 'result');
        await assert.rejects(create(registry)(() => Promise.reject(failure))(known('stocks')), failure);
      });

      it('count unknown methods as one, however many names are tried', async () => {
        const metered = create(registry)(() => Promise.reject(new RpcError('method_not_found', 'no')));
        for (let name = 0; name < 100; name++) {
          await metered(testCall({ service: 'loms', method: `no_such_${name}` })).catch(() => {});
        }
        assert.deepEqual(await valuesOf(registry, `rpc_${side}_requests_total`), {
          'loms unknown method_not_found': 100,
        });
        assert.doesNotMatch(await registry.metrics(), /no_such/);
      });

      it('measure how long calls take, in seconds', async () => {
        const clock = sinon.useFakeTimers();
        try {
          const metered = create(registry)(() => clock.tickAsync(30));
          await metered(known('stocks'));
          // A server knows when the call began.
          await metered({ ...known('stocks'), startedAt: performance.now() - 30 });
          const metric = await registry.getSingleMetric(`rpc_${side}_duration_seconds`)?.get();
          const within = (le: number | string) =>
            metric?.values.find(({ labels }) => (labels as { le?: unknown }).le === le)?.value;
          assert.deepEqual([within(0.025), within(0.05), within(0.1)], [0, 1, 2]);
        } finally {
          clock.restore();
        }
      });

      it('measure how many calls are in flight', async () => {
        const end = Promise.withResolvers<string>();
        const calls = ['stocks', 'stocks'].map((method) => create(registry)(() => end.promise)(known(method)));
        assert.deepEqual(await valuesOf(registry, `rpc_${side}_in_flight`), { 'loms stocks': 2 });
        end.resolve('result');
        await Promise.all(calls);
        assert.deepEqual(await valuesOf(registry, `rpc_${side}_in_flight`), { 'loms stocks': 0 });
      });
    });
  }

  it('of several clients and a server share one registry', async () => {
    const [first, second, server] = [clientMetrics(registry), clientMetrics(registry), serverMetrics(registry)];
    for (const metered of [first, second, server]) await metered(async () => 'result')(known('stocks'));
    assert.deepEqual(await valuesOf(registry, 'rpc_client_requests_total'), { 'loms stocks ok': 2 });
    assert.deepEqual(await valuesOf(registry, 'rpc_server_requests_total'), { 'loms stocks ok': 1 });
  });

  it('hold nothing of what a call carries', async () => {
    const call = testCall({
      service: 'loms',
      method: 'stocks',
      contract,
      params: { token: 'secret-param' },
      requestId: 'secret-id',
      caller: { name: 'secret-name', authorization: 'secret-token', idempotencyKey: 'secret-key' },
    });
    await serverMetrics(registry)(async () => 'secret-result')(call);
    assert.doesNotMatch(await registry.metrics(), /secret/);
  });
});
