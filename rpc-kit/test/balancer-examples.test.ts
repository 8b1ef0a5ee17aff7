import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import {
  type BalancerOptions,
  createClient,
  defineService,
  type HttpServer,
  implement,
  type ReadinessCheck,
  serveHttp,
} from 'rpc-kit';
import { balanceWithCanary } from '../examples/canary-prices.ts';
import { balanceWithChecks } from '../examples/checked-prices.ts';
import { prices } from '../examples/prices-contract.ts';
import { balanceInZone } from '../examples/zoned-prices.ts';
import { PATIENT_MS } from './call-stubs.ts';

/** About a twentieth of the first 400 products. Their hashes are the same in every run. */
const CANARY_PRODUCTS = 21;

/** The contract of the examples, with a timeout that a busy machine keeps. */
const patientPrices = defineService(
  'prices',
  { summary: 'Stores the prices of products.', version: '1.0.0' },
  { priceOf: { ...prices.methods.priceOf, timeoutMs: PATIENT_MS } },
);

describe('the examples of the balancer', () => {
  /** Servers whose prices are their numbers, from 0. */
  async function serveNumbers(
    open: AsyncDisposableStack,
    count: number,
    readinessOfFirst: Readonly<Record<string, ReadinessCheck>> = {},
  ): Promise<HttpServer[]> {
    const logger = pino({ level: 'silent' });
    const servers = Array.from({ length: count }, (_none, price) => {
      const service = implement(prices, { priceOf: async () => ({ price }) });
      const readiness = price === 0 ? readinessOfFirst : {};
      return serveHttp(service, { host: '127.0.0.1', port: 0, logger, readiness });
    });
    return (await Promise.all(servers)).map((server) => open.use(server));
  }

  it('show a client that stays in its zone, by weight, and leaves it when the zone is gone', async () => {
    await using open = new AsyncDisposableStack();
    const [near, far, large] = (await serveNumbers(open, 3)) as [HttpServer, HttpServer, HttpServer];
    const balancer = open.use(balanceInZone('a', { a: near.url, b: far.url }, large.url));
    const client = createClient(patientPrices, balancer);
    const numbers = new Set<number>();
    for (let call = 0; call < 200; call++) numbers.add((await client.priceOf({ sku: 7 })).price);
    assert.deepEqual(numbers, new Set([0, 2]));
    await near.close(0);
    await large.close(0);
    assert.deepEqual(await client.priceOf({ sku: 7 }), { price: 1 });
  });

  it('show a canary that gets a share of the products, and the calls of testers', async () => {
    await using open = new AsyncDisposableStack();
    const [stable, canary] = (await serveNumbers(open, 2)) as [HttpServer, HttpServer];
    const groups = { canary: 0, stable: 0 };
    const on: BalancerOptions['on'] = {
      canary({ group }) {
        groups[group] += 1;
      },
    };
    const client = createClient(patientPrices, open.use(balanceWithCanary([stable.url], [canary.url], on)));
    const priceOf = async (sku: number, baggage?: string) => (await client.priceOf({ sku }, { baggage })).price;
    const first: number[] = [];
    for (let sku = 0; sku < 400; sku++) first.push(await priceOf(sku));
    assert.deepEqual(groups, { canary: CANARY_PRODUCTS, stable: 400 - CANARY_PRODUCTS });
    const sku = first.indexOf(0);
    assert.deepEqual([await priceOf(first.indexOf(1)), await priceOf(sku)], [1, 0]);
    assert.equal(await priceOf(sku, 'user=7,prices=canary'), 1);
  });

  it('show a client that sends no calls to a replica that is not ready', async () => {
    await using open = new AsyncDisposableStack();
    let isReady = true;
    const readiness = {
      async prices() {
        if (!isReady) throw new Error('The prices are not loaded');
      },
    };
    const [first, second] = (await serveNumbers(open, 2, readiness)) as [HttpServer, HttpServer];
    const warned = Promise.withResolvers<string>();
    const balancer = open.use(balanceWithChecks([first.url, second.url], warned.resolve));
    while (balancer.endpoints.some(({ state }) => state !== 'serving')) await sleep(1);
    isReady = false;
    assert.equal(await warned.promise, `${first.url} gets no calls: it is not ready`);
    assert.equal(balancer.endpoints[0]?.state, 'unhealthy');
    const { price } = await createClient(patientPrices, balancer).priceOf({ sku: 7 });
    assert.equal(price, 1);
  });
});
