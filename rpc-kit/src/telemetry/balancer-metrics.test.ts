import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import sinon from 'sinon';
import { callOf } from '../../test/call-stubs.ts';
import type { Call } from '../call.ts';
import { createBalancer } from '../calling/balancer.ts';
import { RpcError } from '../rpc-error.ts';
import { balancerMetrics, endpointMetrics } from './balancer-metrics.ts';

const BROKEN = new RpcError('unavailable', 'the connection broke');

describe('the metrics of a balancer', () => {
  let clock: sinon.SinonFakeTimers;
  let registry: Registry;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
    registry = new Registry();
  });
  afterEach(() => clock.restore());

  /** The lines of the metric, without its help. */
  async function lines(name: string): Promise<string[]> {
    const text = await registry.getSingleMetricAsString(name);
    return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  }

  function connectTo(answer: (url: string, call: Call) => Promise<unknown>) {
    return (url: string) => ({
      call: (call: Call) => answer(url, call),
      askReadiness: async () => url !== 'unready',
      [Symbol.asyncDispose]: async () => {},
    });
  }

  it('count ejections', async () => {
    const connect = connectTo(() => Promise.reject(BROKEN));
    const balancer = createBalancer({ endpoints: ['a', 'b'], failuresMax: 1, connect, on: balancerMetrics(registry) });
    await assert.rejects(balancer.call(callOf()));
    await assert.rejects(balancer.call(callOf()));
    assert.deepEqual(await lines('rpc_client_endpoint_ejections_total'), [
      'rpc_client_endpoint_ejections_total{peer="shop"} 2',
    ]);
  });

  it('count calls that leave their zone, by why', async () => {
    const balancer = createBalancer({
      endpoints: [
        { url: 'near', zone: 'a' },
        { url: 'far', zone: 'b' },
      ],
      zone: 'a',
      random: () => 0,
      connect: connectTo(async (url) => {
        if (url === 'near') throw new RpcError('unavailable', 'too much', { reason: 'overloaded' });
      }),
      on: balancerMetrics(registry),
    });
    await assert.rejects(balancer.call(callOf()));
    await balancer.call(callOf());
    assert.deepEqual(await lines('rpc_client_zone_spills_total'), [
      'rpc_client_zone_spills_total{peer="shop",why="overloaded"} 1',
    ]);
  });

  it('count attempts at the canary and at the others, by outcome', async () => {
    const balancer = createBalancer({
      endpoints: ['old', { url: 'new', version: '2' }],
      canary: { version: '2', isMeant: ({ baggage }) => baggage === 'canary' },
      connect: connectTo(async (url) => {
        if (url === 'new') throw BROKEN;
      }),
      on: balancerMetrics(registry),
    });
    await balancer.call(callOf());
    await balancer.call(callOf());
    await assert.rejects(balancer.call(callOf({ baggage: 'canary' })));
    assert.deepEqual(await lines('rpc_client_canary_attempts_total'), [
      'rpc_client_canary_attempts_total{peer="shop",group="stable",outcome="ok"} 2',
      'rpc_client_canary_attempts_total{peer="shop",group="canary",outcome="broken"} 1',
    ]);
  });

  it('show how many endpoints of each peer are in which state when they are asked', async () => {
    const connect = connectTo(async (url) => {
      if (url === 'broken') throw BROKEN;
    });
    let random = Math.random;
    const loms = createBalancer({
      random: () => random(),
      endpoints: ['good', 'unready', 'broken'],
      failuresMax: 1,
      healthChecks: {},
      slowStart: { windowMs: 60_000 },
      connect,
    });
    endpointMetrics(registry, 'loms', loms);
    await using products = createBalancer({ endpoints: ['good'], connect });
    endpointMetrics(registry, 'products', products);
    await clock.tickAsync(0);
    while (loms.endpoints.every(({ state }) => state !== 'ejected')) await loms.call(callOf()).catch(() => {});
    const show = (peer: string, counts: Record<string, number>): string[] =>
      Object.entries(counts).map(([state, count]) => `rpc_client_endpoints{peer="${peer}",state="${state}"} ${count}`);
    assert.deepEqual(await lines('rpc_client_endpoints'), [
      ...show('loms', { serving: 1, starting: 0, unhealthy: 1, ejected: 1 }),
      ...show('products', { serving: 1, starting: 0, unhealthy: 0, ejected: 0 }),
    ]);
    await clock.tickAsync(5_000);
    // The call readmits the broken endpoint and goes to the first one: the broken one would be ejected again.
    random = () => 0;
    await loms.call(callOf());
    assert.ok((await lines('rpc_client_endpoints')).includes(show('loms', { starting: 1 })[0] ?? ''));
    await loms[Symbol.asyncDispose]();
    assert.ok((await lines('rpc_client_endpoints')).includes(show('loms', { serving: 0 })[0] ?? ''));
  });

  it('of several clients share one registry', () => {
    for (let client = 0; client < 2; client++) balancerMetrics(registry);
    assert.equal(registry.getMetricsAsArray().length, 1);
  });
});
